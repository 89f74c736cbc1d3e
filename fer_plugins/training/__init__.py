"""Training: module, optimiser, callbacks, checkpoints and tracking, combined into Lightning's Trainer."""
