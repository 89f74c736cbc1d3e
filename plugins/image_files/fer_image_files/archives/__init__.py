"""Named files in a folder, a zip or a tar."""
