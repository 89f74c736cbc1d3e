"""Profiles a training with Lightning's profilers, and prints the time by stage."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import lightning as L
from lightning.pytorch.profilers import Profiler, PyTorchProfiler, SimpleProfiler

from fer_plugins.config import RunConfig
from fer_plugins.runtime.print_table import print_table, titled_table
from fer_plugins.training.progress import ResultConsole

# What is timed: Lightning's name (owner and hook) -> the name of the stage here. The time of stages that are contained
# in another one (_INSIDE) is subtracted from that stage, so that no time is counted twice.
_STAGES = {
    ("[_TrainingEpochLoop]", "train_dataloader_next"): "next training batch",
    ("[Strategy]", "batch_to_device"): "batch to the device",
    ("[LightningDataModule]", "on_after_batch_transfer"): "floats and batch augmentation",
    ("[Strategy]", "training_step"): "forward and loss",
    ("[Strategy]", "backward"): "backward",
    ("[LightningModule]", "configure_gradient_clipping"): "gradient clipping",
    ("[LightningModule]", "optimizer_zero_grad"): "zeroing gradients",
    ("[LightningModule]", "optimizer_step"): "optimiser update",
    ("[Strategy]", "validation_step"): "validation forward",
    ("[LightningModule]", "on_validation_epoch_end"): "validation scores",
    ("[Callback]BestAndLast", "on_train_epoch_end"): "checkpoints",
}
_INSIDE = {
    "optimiser update": ("forward and loss", "backward", "gradient clipping", "zeroing gradients"),
    "batch to the device": ("floats and batch augmentation",),
}


def build_profiler(settings: RunConfig, folder: Path) -> Profiler | None:
    """Return the profiler selected by ``trainer.profiler``; it writes ``fit-profile.txt`` into ``folder``."""
    kinds: dict[str, type[Profiler]] = {"simple": SimpleProfiler, "pytorch": PyTorchProfiler}
    kind = kinds.get(settings.trainer.profiler)
    return None if kind is None else kind(dirpath=folder, filename="profile")


def stage_seconds(durations: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the seconds of each stage of a training, longest first, from ``SimpleProfiler.recorded_durations``.

    On an accelerator these are the seconds for which the CPU was blocked: kernels continue to run after their hook.

    >>> durations = {"[Strategy]DDPStrategy.backward": [0.5, 0.25], "[LightningModule]FERModule.optimizer_step": [1.0]}
    >>> stage_seconds(durations)
    {'backward': 0.75, 'optimiser update': 0.25}
    """
    seconds: dict[str, float] = {}
    for action, times in durations.items():
        owner, _, hook = action.rpartition(".")
        for (prefix, name), stage in _STAGES.items():
            if hook == name and owner.startswith(prefix):
                seconds[stage] = seconds.get(stage, 0.0) + sum(times)
    for stage, inner in _INSIDE.items():
        if stage in seconds:
            seconds[stage] = max(0.0, seconds[stage] - sum(seconds.get(name, 0.0) for name in inner))
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


class ProfileTable(L.Callback):
    """Prints the time per stage at the end of the training."""

    def __init__(self, console: ResultConsole, folder: Path) -> None:
        self.console, self.folder = console, folder
        self._started: float | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Record the start of the training."""
        self._started = time.perf_counter()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the stages and the path of the full profile; nothing if a resumed run had no epoch left to train."""
        if self._started is None:
            return
        profiler = trainer.profiler  # type: ignore[attr-defined]
        if isinstance(profiler, SimpleProfiler) and self.console.lines:
            durations = cast("Mapping[str, Sequence[float]]", profiler.recorded_durations)
            _print_stages(self.console, stage_seconds(durations), time.perf_counter() - self._started)
        self.console.say(f"profile: {self.folder / 'fit-profile.txt'}")


def _print_stages(console: ResultConsole, stages: Mapping[str, float], total: float) -> None:
    table = titled_table("Where the time of the training went", "stage", numbers=("seconds", "share"))
    rest = max(0.0, total - sum(stages.values()))
    for stage, seconds in {**stages, "everything else": rest}.items():
        table.add_row(stage, f"{seconds:.2f}", f"{seconds / total:.1%}" if total else "-")
    print_table(console.console, table)
