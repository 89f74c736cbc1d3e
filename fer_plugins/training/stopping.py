"""Ends a training before its last epoch: by the selection metric, alone or with the loss, a time limit, or the user."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, Timer

from fer_plugins.config.schema import SelectionConfig
from fer_plugins.runtime import process


def stopping_callback(selection: SelectionConfig) -> L.Callback | None:
    """Return the callback for early stopping of the ``selection`` section; None if ``patience`` is null.

    The rule ``metric`` stops after ``patience`` epochs without an improvement of the metric (Lightning's callback);
    ``metric_and_loss`` after as many epochs in which neither the metric nor ``val/loss`` reached a new best value;
    ``both_worsen`` after as many consecutive epochs in which the metric is worse and the loss is higher than in the
    epoch before.
    """
    if not selection.patience:
        return None
    if selection.stop == "metric":
        return StopOnMetric(
            selection.metric,
            mode=selection.mode,
            patience=selection.patience,
            min_delta=selection.min_delta,
            check_on_train_epoch_end=True,
        )
    return StopOnBoth(selection.metric, selection.mode, selection.patience, selection.min_delta, selection.stop)


class StopOnMetric(EarlyStopping):
    """Lightning's EarlyStopping; in addition a resumed run that had already stopped stops at once."""

    @property
    def state_key(self) -> str:
        """Name of its state in a checkpoint: that of Lightning's callback, which version 0.1.0 used."""
        return EarlyStopping.__qualname__ + super().state_key.removeprefix(type(self).__qualname__)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once if the patience was exhausted before the interruption."""
        super().on_train_start(trainer, pl_module)
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class StopOnBoth(L.Callback):
    """Stops according to both the metric and the validation loss; its state is saved in the checkpoint.

    Args:
        metric: name of the metric, such as val/accuracy.
        mode: max or min: whether higher or lower values of the metric are better.
        patience: number of epochs, at least 1.
        min_delta: minimum change of the metric or the loss that counts as an improvement.
        stop: metric_and_loss or both_worsen.
    """

    def __init__(self, metric: str, mode: str, patience: int, min_delta: float, stop: str) -> None:
        self.metric, self.patience, self.min_delta, self.stop = metric, patience, min_delta, stop
        self.sign = 1.0 if mode == "min" else -1.0  # with this factor, lower is better for both
        self.best = [math.inf, math.inf]
        self.last = [-math.inf, -math.inf]  # before the first epoch, so that it does not count as worse
        self.waited = 0

    def update(self, metric: float, loss: float) -> bool:
        """Take the values of an epoch and return whether training should stop.

        >>> rule = StopOnBoth("val/accuracy", "max", patience=1, min_delta=0.0, stop="both_worsen")
        >>> rule.update(0.5, 1.0), rule.update(0.4, 0.9), rule.update(0.3, 1.1)
        (False, False, True)
        """
        now = [self.sign * metric, loss]
        better = [new < best - self.min_delta for new, best in zip(now, self.best, strict=True)]
        worse = [new > old for new, old in zip(now, self.last, strict=True)]
        if self.stop == "metric_and_loss":
            self.waited = 0 if any(better) else self.waited + 1
        else:
            self.waited = self.waited + 1 if all(worse) and self.last[0] > -math.inf else 0
        self.best = [new if improved else best for new, improved, best in zip(now, better, self.best, strict=True)]
        self.last = now
        return self.waited >= self.patience

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Stop a resumed run at once if it had already stopped before the interruption."""
        del pl_module
        trainer.should_stop = trainer.should_stop or self.waited >= self.patience

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Check the epoch; its validation has already been run."""
        del pl_module
        values = trainer.callback_metrics
        if self.update(float(values[self.metric]), float(values["val/loss"])):
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs."""
        return {"best": list(self.best), "last": list(self.last), "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state from ``state_dict``."""
        self.best, self.last = list(state_dict["best"]), list(state_dict["last"])
        self.waited = int(state_dict["waited"])


class TimeLimit(Timer):
    """Lightning's Timer, which ends a training between epochs; if epochs are left, the run gets a warning.

    For a resumed run the time before the interruption counts as well.
    """

    def __init__(self, minutes: float, warn: Callable[[str], None]) -> None:
        longest = min(minutes, 1e12)  # limited to what a timedelta can hold
        super().__init__(timedelta(minutes=longest), interval="epoch", verbose=False)
        self.minutes, self.warn = minutes, warn

    def on_fit_start(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        """Do nothing; ``on_train_start`` checks the time. If stopped here, Lightning counts one epoch too few."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End a resumed run at once if its time was already over before the interruption."""
        super().on_train_start(trainer, pl_module)
        if trainer.current_epoch > 0:
            self._end_if_over(trainer, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        """End the training if its time is over."""
        self._end_if_over(trainer, trainer.current_epoch + 1)

    def _end_if_over(self, trainer: L.Trainer, trained: int) -> None:
        over = trainer.strategy.broadcast((self.time_remaining() or 0.0) <= 0.0)
        trainer.should_stop = trainer.should_stop or over
        planned = trainer.max_epochs or 0
        if over and trained < planned:
            self.warn(f"trainer.max_time: {self.minutes:g} minutes are over after {trained} of {planned} epochs")


class EndWhenInterrupted(L.Callback):
    """Ends a training after the step in which a Ctrl-C (or SIGTERM) was suppressed.

    Python drops a KeyboardInterrupt that is raised while an object is finalised, and some libraries catch it; without
    this callback the training would continue to its last epoch.
    """

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Store the number of interruptions so far."""
        self.interruptions = process.interruptions()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Raise an interruption that was suppressed.

        Raises:
            KeyboardInterrupt: the command was told to stop since the training started.
        """
        if process.interruptions() > self.interruptions:
            raise KeyboardInterrupt
