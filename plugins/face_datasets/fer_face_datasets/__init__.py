"""Readers of published facial expression datasets."""
