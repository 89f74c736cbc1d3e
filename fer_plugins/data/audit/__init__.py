"""Looks for what makes a dataset's numbers too good: exact and near copies, shared people and recordings."""
