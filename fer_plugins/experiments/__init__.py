"""Experiments: a single run, and multiple runs as folds, seeds, searches, grids and comparisons of protocols."""
