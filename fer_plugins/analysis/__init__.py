"""What is concluded from finished runs: comparison, significance, spread over seeds, verdicts."""
