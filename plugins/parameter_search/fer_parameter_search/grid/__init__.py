"""Grids of runs: what is to be run, what is done, and who runs it."""
