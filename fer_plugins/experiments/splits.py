"""Which splits a run scores at its end, and the pass over one of them."""

from __future__ import annotations

import lightning as L

from fer_plugins.config import RunConfig
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.training.module import FERModule
from fer_plugins.training.score_split import TrainSplit


def scored_splits(settings: RunConfig) -> list[str]:
    """Return the splits that are scored, in order: val, then test and train where they are asked for."""
    asked = ("val", *(["test"] if settings.run.test else []), *(["train"] if settings.run.score_train else []))
    return list(asked)


def score_pass(split: str, trainer: L.Trainer, module: FERModule, data: FERDataModule) -> tuple[Predictions, list[str]]:
    """Let the network answer for every image of a split; return its predictions, and why they are no result."""
    if split == "test":
        data.open_test("fitting is over, the checkpoint is selected on val")
    loop = trainer.validate if split == "val" else trainer.test
    loop(module, datamodule=TrainSplit(data) if split == "train" else data, verbose=False)
    assert module.predictions is not None
    return module.predictions, list(module.faults)
