"""The drawing of the synthetic faces."""
