"""The ground that everything stands on: errors, signals, threads, seeds, and what is said while something lasts."""
