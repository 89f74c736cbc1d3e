"""The face detectors of the core, and cropping to faces."""
