"""Analysis of finished runs: comparison, significance, spread over seeds, verdicts."""
