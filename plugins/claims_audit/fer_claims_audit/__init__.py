"""Is a paper's arithmetic possible? Checks of printed numbers against each other; nothing is trained or measured."""
