"""Foundations of all other packages: errors, signals, threads, seeds and progress messages."""
