"""Figures of a run, drawn with matplotlib for one column of a paper."""
