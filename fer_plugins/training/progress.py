"""Shows the progress of a run: a bar on a terminal, otherwise plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Timer
from tqdm import tqdm

from fer_plugins.config import RunConfig
from fer_plugins.data.protocols.fold_splits import count_targets
from fer_plugins.runs.cost import parameters
from fer_plugins.runs.result_table import result_console
from fer_plugins.runtime import activity
from fer_plugins.runtime.activity import format_seconds
from fer_plugins.training.devices import describe_sharing
from fer_plugins.training.pace import Pace, warn_of_hours
from fer_plugins.training.tracking import Tracker


def _wants_bar(settings: RunConfig) -> bool:
    progress: str = settings.trainer.progress
    return progress == "bar" or (progress == "auto" and sys.stdout.isatty())


def decoding_progress(settings: RunConfig, name: str) -> Callable[[int, int], None] | None:
    """Return a function (done, total) that shows the progress of reading a dataset as a bar; None without bars."""
    if not _wants_bar(settings):
        return None
    bar = tqdm(desc=f"reading {name}", unit="image", leave=False)

    def show(done: int, total: int) -> None:
        activity.spoken()
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return show


def training_bar(settings: RunConfig) -> list[L.Callback]:
    """Return the progress bar of the training if one is wanted, otherwise an empty list."""
    return [TrainingBar()] if _wants_bar(settings) else []


class TrainingBar(L.Callback):
    """One bar for the whole training with epoch, loss and remaining time; no further bars for epochs or validation."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar; a resumed run starts at its epoch."""
        del pl_module
        epochs, steps = int(trainer.max_epochs or 0), int(trainer.num_training_batches)
        self.bar = tqdm(total=epochs * steps, initial=trainer.current_epoch * steps, unit="step", leave=False)
        self.bar.smoothing = 0.1
        self._shown = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the number of the epoch, counted from 1."""
        del pl_module
        self.bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}")

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance by one step; the loss is fetched from the device at most twice a second."""
        del trainer, pl_module, batch, batch_idx
        activity.spoken()
        self.bar.update()
        if time.monotonic() - self._shown > 0.5:
            self._shown = time.monotonic()
            self.bar.set_postfix(loss=f"{float(outputs['loss']):.3f}")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove the bar."""
        self.bar.close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Remove the bar, so that the error is printed on its own line."""
        if hasattr(self, "bar"):
            self.bar.close()


class ResultConsole:
    """Prints the lines of a run, and holds the console for its tables."""

    def __init__(self, settings: RunConfig) -> None:
        self.console = result_console()
        self.lines = settings.trainer.progress != "none"
        self.epochs: int = settings.trainer.epochs

    def say(self, text: str) -> None:
        """Print one line without breaking a progress bar; flushed, so that a log file shows it immediately."""
        if self.lines:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()
            activity.spoken()

    def begin(self, folder: Any, data: Any, module: Any, device: str, *, resumed: bool) -> None:
        """Print the folder, the data and the model."""
        counts = data.counts | count_targets(data.table, data.fold, data.classes)
        sizes = ", ".join(f"{sum(of_class.values()):,} {name}" for name, of_class in counts.items())
        self.say(f"{'continuing in' if resumed else 'run folder'}: {folder}")
        self.say(f"data: {data.dataset_name}, {sizes}")
        self.say(f"  split {data.split_hash}, data {data.fingerprint}")
        for note in data.notes:
            self.say(f"  {note}")
        for warning in data.warnings:
            self.say(f"  warning: {warning}")
        name = module.config.model.name
        self.say(f"model: {name}, {parameters(module.network):,} parameters; {device}")
        if sharing := describe_sharing(module.config):
            self.say(f"  {sharing}")

    def epoch(self, row: Mapping[str, float], seconds: float, rate_before: float) -> None:
        """Print the values of an epoch in at most 80 characters, and the learning rate if it has changed."""
        if row["lr"] != rate_before:
            self.say(f"  learning rate {row['lr']:.3g}")
        self.say(
            f"epoch {int(row['epoch'])}/{self.epochs}  "
            f"loss {row['train/loss']:.3f} val {row['val/loss']:.3f}  "
            f"accuracy {row['train/accuracy']:.3f} val {row['val/accuracy']:.3f}  "
            f"F1 {row['val/f1']:.3f}  {seconds:.1f} s"
        )


class EpochLog(L.Callback):
    """Logs each epoch to the tracker and the console, and prints the expected time of the training."""

    def __init__(self, tracker: Tracker, console: ResultConsole) -> None:
        self.tracker = tracker
        self.console = console
        self.pace = Pace()
        self._rate: float | None = None

    def describe(self) -> str:
        """Return the progress of the training as text."""
        return self.pace.describe()

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Find the timer of ``trainer.max_time``."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Timer):
                self.pace.time_limit = callback.time_remaining

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Record the start time and the learning rate of the epoch."""
        self._started = time.perf_counter()
        before, self._rate = self._rate, trainer.optimizers[0].param_groups[0]["lr"]
        self._before = self._rate if before is None else before
        self.pace.begin_epoch(trainer.current_epoch, int(trainer.max_epochs or 1), int(trainer.num_training_batches))

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Print the estimated duration of the training after its first steps."""
        del outputs, batch
        expected = self.pace.step(batch_idx + 1)
        if expected is None:
            return
        self.console.say(f"about {format_seconds(expected)} for the training")
        images = sum(trainer.datamodule.sizes.values())  # type: ignore[attr-defined]
        warning = warn_of_hours(pl_module.config, expected, trainer.strategy.root_device.type, images)
        if warning:
            self.console.say(f"  warning: {warning}")

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Log the epoch; its validation has already been run."""
        row = {"epoch": float(trainer.current_epoch + 1), **pl_module.epoch_means()}
        values = trainer.callback_metrics
        row |= {name: float(value) for name, value in values.items() if name.startswith(("val/", "health/"))}
        row["lr"] = float(self._rate or 0.0)
        seconds = time.perf_counter() - self._started
        row["seconds"] = seconds
        self.tracker.log_epoch(row)
        self.console.epoch(row, seconds, float(self._before or 0.0))
        self.pace.end_epoch(seconds)
        for fault in pl_module.faults:
            self.console.say(f"  warning: {fault}")
