"""Data: datasets, the sample table, split protocols, the image cache and the data loaders."""
