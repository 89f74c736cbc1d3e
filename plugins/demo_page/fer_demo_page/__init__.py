"""The verb ``fer demo``: a local web page before a trained run."""
