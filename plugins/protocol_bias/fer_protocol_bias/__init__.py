"""Effect of a flawed protocol on test scores, measured by paired trainings under two protocols."""
