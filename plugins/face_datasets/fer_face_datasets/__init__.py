"""Readers of the published datasets of facial expressions."""
