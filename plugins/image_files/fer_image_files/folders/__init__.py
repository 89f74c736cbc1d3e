"""Images that are sorted into folders."""
