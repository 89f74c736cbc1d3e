"""Self-contained reports of one or several finished runs: the verb ``fer report``."""
