"""One page of a finished run, or of several, without external parts: the verb ``fer report``."""
