"""What a run says while it goes: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar
from tqdm import tqdm

from fer_plugins.evaluate.cost import parameters
from fer_plugins.evaluate.result_table import result_console
from fer_plugins.tracking import Tracker


def _wants_bar(settings: Mapping[str, Any]) -> bool:
    wish: str = settings["trainer"]["progress"]
    return wish == "bar" or (wish == "auto" and sys.stdout.isatty())


def _wants_lines(settings: Mapping[str, Any]) -> bool:
    return bool(settings["trainer"]["progress"] != "none")


def decoding_progress(settings: Mapping[str, Any], name: str) -> Callable[[int, int], None] | None:
    """Return a function (done, total) that shows the reading of a dataset on a terminal; None elsewhere."""
    if not _wants_bar(settings):
        return None
    bar = tqdm(desc=f"reading {name}", unit="image", leave=False)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return show


def training_bar(settings: Mapping[str, Any]) -> list[L.Callback]:
    """Return Lightning's own bar where one is wanted, else nothing."""
    return [TQDMProgressBar(leave=False)] if _wants_bar(settings) else []


class ResultConsole:
    """Prints the lines of a run and carries the console that its tables go to."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.console = result_console()
        self.lines = _wants_lines(settings)
        self.epochs: int = settings["trainer"]["epochs"]

    def say(self, text: str) -> None:
        """Print one line, flushed, so that a log file shows it at once; beside a bar, not through it."""
        if self.lines:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()

    def begin(self, folder: Any, data: Any, module: Any, device: str, *, resumed: bool) -> None:
        """Say what is about to be trained on what."""
        sizes = ", ".join(f"{size:,} {name}" for name, size in data.sizes.items())
        self.say(f"{'going on in' if resumed else 'run folder'}: {folder}")
        self.say(f"data: {data.dataset_name}, {sizes}; split {data.split_hash}, data {data.fingerprint}")
        for note in data.notes:
            self.say(f"  {note}")
        for warning in data.warnings:
            self.say(f"  warning: {warning}")
        name = module.config["model"]["name"]
        self.say(f"model: {name}, {parameters(module.network):,} parameters; {device}")

    def epoch(self, row: Mapping[str, float], seconds: float) -> None:
        """Say how an epoch went."""
        self.say(
            f"epoch {int(row['epoch'])}/{self.epochs}  "
            f"train loss {row['train/loss']:.4f} accuracy {row['train/accuracy']:.4f}  "
            f"val loss {row['val/loss']:.4f} accuracy {row['val/accuracy']:.4f} f1 {row['val/f1']:.4f}  "
            f"lr {row['lr']:.3g}  {seconds:.1f} s"
        )


class EpochLog(L.Callback):
    """Hands each epoch's row to the tracker and to the console."""

    def __init__(self, tracker: Tracker, console: ResultConsole) -> None:
        self.tracker = tracker
        self.console = console

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Remember when the epoch began, and the rate that it is trained with."""
        self._started = time.perf_counter()
        self._rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Log the epoch; validation has been run by now."""
        row = {"epoch": float(trainer.current_epoch + 1), **pl_module.epoch_means()}
        values = trainer.callback_metrics
        row |= {name: float(value) for name, value in values.items() if name.startswith(("val/", "health/"))}
        row["lr"] = float(self._rate)
        seconds = time.perf_counter() - self._started
        row["seconds"] = seconds
        self.tracker.log_epoch(row)
        self.console.epoch(row, seconds)
        for fault in pl_module.faults:
            self.console.say(f"  warning: {fault}")
