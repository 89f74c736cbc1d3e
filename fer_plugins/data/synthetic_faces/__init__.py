"""The drawing of the embedded synthetic faces."""
