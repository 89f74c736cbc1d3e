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
        say: prints a line.
        warnings: of the run.
    """

    def __init__(self, minutes: float, say: Callable[[str], None], warnings: list[str]) -> None:
        super().__init__(timedelta(minutes=minutes), interval="epoch", verbose=False)
        self.minutes, self.say, self.warnings = minutes, say, warnings

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End the training where its time is over."""
        super().on_train_epoch_end(trainer, pl_module)
        trained, planned = trainer.current_epoch + 1, trainer.max_epochs or 0
        if (self.time_remaining() or 0.0) <= 0.0 and trained < planned:
            text = f"trainer.max_time: {self.minutes:g} minutes are over after {trained} of {planned} epochs"
            self.say(f"  warning: {text}")
            self.warnings.append(text)
