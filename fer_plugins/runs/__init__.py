"""A run's folder: what is written into it while it runs, and what reads it afterwards."""
