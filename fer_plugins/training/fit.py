"""Fits a module, and says in one line what a machine has too little of."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import torch

from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.loaders.workers import is_worker_failure
from fer_plugins.runtime.errors import RunError
from fer_plugins.training.module import FERModule


def fit(trainer: L.Trainer, module: FERModule, data: FERDataModule, resume_from: Path | None) -> None:
    """Fit, from a checkpoint where there is one.

    Raises:
        RunError: the device is out of memory, or the loader processes do not deliver.
    """
    try:
        trainer.fit(module, datamodule=data, ckpt_path=resume_from, weights_only=True)
    except torch.OutOfMemoryError as error:
        raise RunError("the device is out of memory; lower data.batch_size") from error
    except RuntimeError as error:
        if not is_worker_failure(error):
            raise
        text = " ".join(str(error).split())
        raise RunError(f"the loader processes do not deliver ({text}); try --data.workers 0") from error
