"""One training: module, optimiser, callbacks, checkpoints and tracking, assembled into Lightning's Trainer."""
