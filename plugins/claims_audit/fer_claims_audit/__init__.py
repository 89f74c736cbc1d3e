"""Check the arithmetic of a paper's printed numbers against each other; nothing is trained or measured."""
