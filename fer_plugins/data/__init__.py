"""Samples: datasets, the sample table, protocols, the cache and the loaders."""
