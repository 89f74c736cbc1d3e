"""Benchmark scripts. This is a package because pyarrow 17 installs one of this name, which tests would import."""
