"""Protocols, which split samples into train, val and test; each is one function."""
