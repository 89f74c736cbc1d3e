"""The folder of a run: what is written into it during the run, and how it is read afterwards."""
