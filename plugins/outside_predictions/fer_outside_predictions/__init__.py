"""Predictions that other code made, scored as a run."""
