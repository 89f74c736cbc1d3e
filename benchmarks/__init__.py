"""Measurements, each a script. A package, since pyarrow 17 installs one of this name, which tests would import."""
