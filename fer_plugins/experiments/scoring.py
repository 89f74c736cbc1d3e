"""Scores the selected checkpoint of a run: on validation, then once on test, and on train if requested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L

from fer_plugins.config import RunConfig
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.experiments.processes import Together
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.sanity_checks import check_pairing, find_wrong_pairing
from fer_plugins.runs.record import Record
from fer_plugins.runtime.activity import doing
from fer_plugins.training.checkpoints import read_checkpoint
from fer_plugins.training.module import FERModule
from fer_plugins.training.score_split import SplitScores, TrainSplit, score_split


@dataclass(frozen=True)
class RunScores:
    """The scores of the selected checkpoint; mappings are from split to value."""

    best_epoch: int  # epoch of the checkpoint, from 1
    epochs: int  # number of trained epochs
    predictions: Mapping[str, Predictions]  # including other datasets
    splits: Mapping[str, SplitScores]
    faults: Sequence[str]  # reasons why the run is not a valid result
    warnings: Sequence[str]

    @property
    def reported(self) -> SplitScores:
        """Scores of the split that is reported on: test, or val if test is not scored."""
        return self.splits["test" if "test" in self.splits else "val"]

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """Split -> scores on the dataset that the network was trained on."""
        return {split: scored.scores for split, scored in self.splits.items()}


def score_selected(
    record: Record, settings: RunConfig, trainer: L.Trainer, module: FERModule, data: FERDataModule, group: Together
) -> RunScores:
    """Score the best checkpoint of a training that has just ended; ``group`` is left after the passes.

    Raises:
        PairingError: a prediction was scored against the label of another image.
    """
    train_accuracy, faults_after_fit = module.train_accuracy, list(module.faults)
    checkpoint = read_checkpoint(record.checkpoints / "best.ckpt")
    module.load_state_dict(checkpoint["state_dict"])
    predictions, network_faults = {}, {}
    for split in scored_splits(settings):
        with doing(f"scoring {split}"):
            predictions[split], network_faults[split] = score_pass(split, trainer, module, data)
    group.part()  # only process 0 continues
    splits, faults, warnings = {}, list[str](), list[str]()
    for split in predictions:
        rows = data.rows(split)
        check_pairing(predictions[split], rows, data.table.label[rows])
        splits[split] = score_split(predictions[split], data, network_faults[split], split=split)
        if split != "train":
            faults += [f"{split}: {fault}" for fault in splits[split].faults]
        warnings += splits[split].warnings
        if warning := find_wrong_pairing(splits[split].scores, train_accuracy):
            warnings.append(f"{split}: {warning}")
    if faults_after_fit and not faults:
        warnings.append(f"after the last epoch: {'; '.join(faults_after_fit)}")
    return RunScores(int(checkpoint["epoch"]) + 1, trainer.current_epoch, predictions, splits, faults, warnings)


def scored_splits(settings: RunConfig) -> list[str]:
    """Return the splits that are scored, in order."""
    return ["val", *(["test"] if settings.run.test else []), *(["train"] if settings.run.score_train else [])]


def score_pass(split: str, trainer: L.Trainer, module: FERModule, data: FERDataModule) -> tuple[Predictions, list[str]]:
    """Predict every image of a split; return the predictions and the reasons why they are not a valid result."""
    if split == "test":
        data.open_test("fitting is over, the checkpoint is selected on val")
    loop = trainer.validate if split == "val" else trainer.test
    loop(module, datamodule=TrainSplit(data) if split == "train" else data, verbose=False)
    assert module.predictions is not None
    return module.predictions, list(module.faults)
