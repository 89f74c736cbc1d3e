"""What a flawed protocol adds to the test scores: paired trainings under two protocols."""
