"""Facial expression recognition experiments whose numbers survive review."""

__version__ = "0.1.0"
