"""Ends a training after the epoch in which its time is over, and says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import lightning as L
from lightning.pytorch.callbacks import Timer


class TimeLimit(Timer):
    """Lightning's Timer, which ends a training between epochs; what was left undone is a warning of the run.

    The time of an interrupted run counts when it is resumed.

    Args:
        minutes: of training, validation included.
        warn: says, and adds to the run's warnings, what was left undone.
    """

    def __init__(self, minutes: float, warn: Callable[[str], None]) -> None:
        super().__init__(timedelta(minutes=minutes), interval="epoch", verbose=False)
        self.minutes, self.warn = minutes, warn

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End the training where its time is over."""
        super().on_train_epoch_end(trainer, pl_module)
        trained, planned = trainer.current_epoch + 1, trainer.max_epochs or 0
        if (self.time_remaining() or 0.0) <= 0.0 and trained < planned:
            self.warn(f"trainer.max_time: {self.minutes:g} minutes are over after {trained} of {planned} epochs")
