"""Duplicate images in a dataset: identical images, near copies, and the list of those in FER-2013."""
