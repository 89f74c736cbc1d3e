"""Checkpoints, written atomically: the best epoch by a validation metric, and the last complete epoch."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.runtime.errors import InputError, RunError, one_line
from fer_plugins.runtime.whole_file import whole_file


class WholeFileIO(TorchCheckpointIO):
    """Writes a checkpoint under a temporary name in the same folder and moves it into place.

    Lightning's own class uses the system's temporary folder. If that is on another disk, moving is not atomic but a
    copy; and it silently ignores a denied permission.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            RunError: the file cannot be written (disk full, no permission).
        """
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(target) as unfinished:
                torch.save(checkpoint, unfinished)
        except (OSError, RuntimeError) as error:  # torch raises a RuntimeError if the disk is full
            cause = error.cause if isinstance(error, RunError) else str(error).partition("\n")[0]
            raise RunError(f"cannot write {target}: {cause}; is the disk full?") from error


class BestAndLast(Checkpoint):
    """Saves ``best.ckpt`` (by a validation metric) and ``last.ckpt`` (the last complete epoch).

    Lightning's ModelCheckpoint (2.6) writes its last.ckpt only if the best score improves, and loses the best score if
    the folder was moved. Here the best score is the one saved in best.ckpt, and no paths are stored. best.ckpt is
    written
    first: a run that is killed between the two resumes from the epoch before, reaches the same score again, and leaves
    best.ckpt unchanged.

    Args:
        folder: where the two files are written.
        metric: name of a logged metric, such as val/accuracy.
        mode: max or min: whether higher or lower values of the metric are better.
        keep_last: save the last epoch, which will be scored, as best.ckpt (selection last).
    """

    def __init__(self, folder: Path, metric: str, mode: str, *, keep_last: bool = False) -> None:
        self.folder, self.metric, self.keep_last = folder, metric, keep_last
        self.sign = 1.0 if mode == "max" else -1.0
        self.score: float | None = None
        self.value: float | None = None  # of the last epoch

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Restore the best score of an interrupted run, and make up for the missing step of its schedule.

        A checkpoint is written before the schedules step. When resuming, Lightning repeats that step, except for
        schedules that depend on a metric, since it does not save the metric's value.
        """
        del pl_module
        if trainer.ckpt_path is None:
            return
        self.score = saved_value(self.folder / "best.ckpt", "score")
        value = saved_value(Path(trainer.ckpt_path), "value")
        if value is not None:
            for config in trainer.lr_scheduler_configs:
                if isinstance(config.scheduler, ReduceLROnPlateau):
                    config.scheduler.step(value)  # it monitors the metric of this callback

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the checkpoints; validation and early stopping have already been run."""
        del pl_module
        self.value = value = float(trainer.callback_metrics[self.metric])
        if self.keep_last or self.score is None or self._is_better(value, self.score):
            self.score = value
            trainer.save_checkpoint(self.folder / "best.ckpt")
        trainer.save_checkpoint(self.folder / "last.ckpt")

    def _is_better(self, value: float, score: float) -> bool:
        return self.sign * value > self.sign * score or (math.isnan(score) and not math.isnan(value))

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Add the preprocessing of the images, so that the file is sufficient for prediction."""
        del pl_module
        if isinstance(data := trainer.datamodule, FERDataModule):  # type: ignore[attr-defined]
            checkpoint["preprocessing"] = data.preprocessing.as_dict()

    def state_dict(self) -> dict[str, Any]:
        """Return the best score so far (including this epoch) and the value of this epoch."""
        return {"score": self.score, "value": self.value}


def saved_value(path: Path, name: Literal["score", "value"]) -> float | None:
    """Return a value in the state of ``BestAndLast`` in a checkpoint, or None if there is none.

    Args:
        path: path of the checkpoint.
        name: "score", the value by which best.ckpt was selected, or "value", the metric in the checkpoint's epoch.

    Raises:
        RunError: the file cannot be read.
    """
    for key, state in read_checkpoint(path)["callbacks"].items():
        ours = key == BestAndLast.__name__
        if ours or key.startswith("ModelCheckpoint"):  # Lightning's callback, which version 0.1.0 used
            number = state.get(name if ours else {"score": "best_model_score", "value": "current_score"}[name])
            return None if number is None else float(number)
    return None


def find_damage(path: Path) -> str | None:
    """Return what is damaged in a checkpoint, or None; needed because torch loads changed bytes without an error."""
    try:
        with zipfile.ZipFile(path) as content:
            broken = content.testzip()
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        broken = " ".join(str(error).split()) or "it is empty"
    return broken


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load the content of a checkpoint on the CPU.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen types for a damaged file
        cause = one_line(error, 200)
        raise RunError(f"cannot read {path}: {cause}", cause=cause) from error
    return content


def find_checkpoint(path: str) -> Path:
    """Return the path of the best checkpoint in a run's folder, or ``path`` if it is a file.

    Raises:
        InputError: the checkpoint does not exist.
    """
    folder_or_file = Path(path)
    checkpoint = folder_or_file / "checkpoints" / "best.ckpt" if folder_or_file.is_dir() else folder_or_file
    if not checkpoint.is_file():
        raise InputError(
            f"model.teacher: {checkpoint} does not exist; give the folder of a finished run or a .ckpt file"
        )
    return checkpoint
