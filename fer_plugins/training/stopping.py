"""What ends a training before its last epoch: the selection metric, alone or with the loss, a time limit, the user."""

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
    """Return the callback of the ``selection`` section; None where ``patience`` is null.

    ``metric`` stops after ``patience`` epochs in which the metric has not improved (Lightning's own callback);
    ``metric_and_loss`` after as many in which neither it nor ``val/loss`` has reached a new best; ``both_worsen`` after
    as many in a row in which the metric is worse, and the loss higher, than in the epoch before.
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
    """Lightning's own, which also stops a resumed run at once where it had stopped before it was interrupted."""

    @property
    def state_key(self) -> str:
        """Name of its state in a checkpoint: Lightning's, under which version 0.1.0 wrote it."""
        return EarlyStopping.__qualname__ + super().state_key.removeprefix(type(self).__qualname__)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at what was counted before the interruption."""
        super().on_train_start(trainer, pl_module)
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class StopOnBoth(L.Callback):
    """Stops when the metric and the validation loss agree; its memory is kept in the checkpoint.

    Args:
        metric: name of the metric, such as val/accuracy.
        mode: max or min, whether more or less of it is better.
        patience: epochs, at least 1.
        min_delta: an improvement of either counts from this much on.
        stop: metric_and_loss or both_worsen.
    """

    def __init__(self, metric: str, mode: str, patience: int, min_delta: float, stop: str) -> None:
        self.metric, self.patience, self.min_delta, self.stop = metric, patience, min_delta, stop
        self.sign = 1.0 if mode == "min" else -1.0  # from here on lower is better, for both
        self.best = [math.inf, math.inf]
        self.last = [-math.inf, -math.inf]  # nothing is worse than an epoch that never was
        self.waited = 0

    def update(self, metric: float, loss: float) -> bool:
        """Take the values of an epoch; return whether training should stop.

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
        """Stop a resumed run at once where it had stopped before it was interrupted."""
        del pl_module
        trainer.should_stop = trainer.should_stop or self.waited >= self.patience

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Look at the epoch; validation has been run by now."""
        del pl_module
        values = trainer.callback_metrics
        if self.update(float(values[self.metric]), float(values["val/loss"])):
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must remember."""
        return {"best": list(self.best), "last": list(self.last), "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken."""
        self.best, self.last = list(state_dict["best"]), list(state_dict["last"])
        self.waited = int(state_dict["waited"])


class TimeLimit(Timer):
    """Lightning's Timer, which ends a training between epochs; what was left undone is a warning of the run.

    The time of an interrupted run counts when it is resumed.
    """

    def __init__(self, minutes: float, warn: Callable[[str], None]) -> None:
        longest = min(minutes, 1e12)  # of what a timedelta holds
        super().__init__(timedelta(minutes=longest), interval="epoch", verbose=False)
        self.minutes, self.warn = minutes, warn

    def on_fit_start(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        """Leave it to ``on_train_start``: what is told to stop here, Lightning counts an epoch too few of."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End a resumed run at once where its time was over before it was interrupted."""
        super().on_train_start(trainer, pl_module)
        if trainer.current_epoch > 0:
            self._end_if_over(trainer, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        """End the training where its time is over."""
        self._end_if_over(trainer, trainer.current_epoch + 1)

    def _end_if_over(self, trainer: L.Trainer, trained: int) -> None:
        over = trainer.strategy.broadcast((self.time_remaining() or 0.0) <= 0.0)
        trainer.should_stop = trainer.should_stop or over
        planned = trainer.max_epochs or 0
        if over and trained < planned:
            self.warn(f"trainer.max_time: {self.minutes:g} minutes are over after {trained} of {planned} epochs")


class EndWhenInterrupted(L.Callback):
    """Ends a training after the step in which a Ctrl-C (or SIGTERM) was swallowed.

    Python drops a KeyboardInterrupt that is raised while an object is finalised, and some libraries catch it; without
    this the training would go on to its last epoch.
    """

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Count from here."""
        self.interruptions = process.interruptions()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Raise what was swallowed.

        Raises:
            KeyboardInterrupt: the command was told to stop since the training began.
        """
        if process.interruptions() > self.interruptions:
            raise KeyboardInterrupt
