"""Files by name, whether they lie in a folder, a zip or a tar."""
