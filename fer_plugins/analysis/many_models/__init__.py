"""Verdicts over many models: ranking and groups on one test set, and tests over datasets, folds or seeds."""
