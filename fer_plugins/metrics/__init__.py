"""Metrics computed from predictions, their confidence intervals, paired tests and sanity checks."""
