"""What a finished run's network does beyond the plain accuracy: ``fer robustness``."""
