"""Comparison of runs: paired tests on the same images, tests over seeds, many models over several datasets."""
