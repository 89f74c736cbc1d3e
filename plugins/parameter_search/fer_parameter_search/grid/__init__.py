"""Grids of runs: their plan, their state, and their execution."""
