"""Reproducible facial expression recognition experiments built on PyTorch Lightning."""

__version__ = "0.1.0"
