"""Grids and searches: many trainings that differ in some parameters, compared on the validation split."""
