"""Images sorted into folders."""
