"""Images that a dataset holds twice: identical ones, near copies, and the list of those of FER-2013."""
