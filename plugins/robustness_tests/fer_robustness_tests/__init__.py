"""Evaluation of a finished run beyond accuracy: ``fer robustness``."""
