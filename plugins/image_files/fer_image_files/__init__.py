"""Readers of the file formats of face datasets: archives, class folders, lists, tables of pixels, arrays."""
