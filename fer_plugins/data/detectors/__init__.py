"""The face detectors of the core, and the crop of a face."""
