"""Checkpoints: written whole or not at all, the best by validation and the last whole epoch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from fer_plugins.errors import InputError, RunError


class WholeFileIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and moves it there.

    Lightning's own goes through the system's temporary folder, from where the move is a copy when that lies on another
    disk, and it passes over a refused permission in silence.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            RunError: it cannot be written (full disk, no permission).
        """
        target = Path(path)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            torch.save(checkpoint, unfinished)
            os.replace(unfinished, target)
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into RuntimeError
            unfinished.unlink(missing_ok=True)
            cause = getattr(error, "strerror", None) or str(error).partition("\n")[0]
            raise RunError(f"cannot write {target}: {cause}; is the disk full?") from error


def checkpoint_callback(folder: Path, metric: str, mode: str) -> ModelCheckpoint:
    """Return the callback that keeps ``best.ckpt`` (by ``metric``) and ``last.ckpt`` (the last whole epoch)."""
    return ModelCheckpoint(
        dirpath=folder,
        filename="best",
        monitor=metric,
        mode=mode,
        save_top_k=1,
        save_last=True,
        save_on_train_epoch_end=True,  # after the epoch is whole, so that last.ckpt is where a resumed run starts
        auto_insert_metric_name=False,
        enable_version_counter=False,
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a checkpoint of this run holds, on the CPU.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        raise RunError(f"cannot read {path}: {' '.join(str(error).split())[:200]}") from error
    return content


def find_checkpoint(path: str) -> Path:
    """Return the checkpoint that a run's folder or a file name means.

    Raises:
        InputError: there is none.
    """
    given = Path(path)
    found = given / "checkpoints" / "best.ckpt" if given.is_dir() else given
    if not found.is_file():
        raise InputError(f"model.teacher: {found} is not there; give the folder of a finished run or a .ckpt file")
    return found
