"""How samples become train, validation and test: one function a protocol."""
