"""Score predictions made by other code as a run."""
