"""What a copy of a dataset is, and what in it makes results too good: the verb ``fer data``."""
