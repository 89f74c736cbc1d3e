"""The verb ``fer demo``: a local web page for a trained run."""
