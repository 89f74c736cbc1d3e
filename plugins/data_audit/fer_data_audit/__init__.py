"""Identify copies of datasets, and find what inflates results: the verb ``fer data``."""
