"""The course of one run, and of many: folds, seeds, searches, grids, the bias of protocols."""
