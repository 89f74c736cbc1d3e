"""Grids and searches: many runs that differ in some parameters, compared on the validation split."""
