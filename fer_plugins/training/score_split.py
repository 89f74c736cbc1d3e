"""Scores the predictions of one split: of the dataset that was trained on, and of each target dataset apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning.pytorch import LightningDataModule

from fer_plugins.contract import Batch
from fer_plugins.data.copies.copy_status import copy_status
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.loaders import ResidentLoader
from fer_plugins.metrics.by_dataset import score_targets
from fer_plugins.metrics.cluster_scores import score_clusters
from fer_plugins.metrics.copies import score_copies
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.sanity_checks import find_collapse
from fer_plugins.metrics.scores import score
from fer_plugins.metrics.votes import find_majority, score_majority, score_votes


@dataclass(frozen=True)
class SplitScores:
    """The scores of one split. The last three are columns with an entry for each image; None where all are empty."""

    predictions: Predictions  # on the dataset that was trained on
    scores: dict[str, Any]  # of ``predictions``
    faults: list[str]  # why the scores are no result
    warnings: list[str]
    targets: dict[str, dict[str, Any]]  # target dataset -> its scores
    datasets: list[str] | None  # target dataset; "" for the one that was trained on
    copies: list[str] | None  # "exact" or "near" where the image has a copy in training, else ""
    majority: list[str] | None  # class with most votes, or ""; None: the dataset has no votes


class TrainSplit(LightningDataModule):
    """The training images as ``trainer.test`` takes them: in the order of their rows, without augmentation.

    Oversampled images count once; images that ``data.balance augment`` made belong to the split.
    """

    def __init__(self, data: FERDataModule) -> None:
        super().__init__()
        self.data = data

    def test_dataloader(self) -> ResidentLoader:
        """Return a loader of the training images that does not shuffle."""
        return self.data.train_eval_dataloader()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Convert the images to float32 in [0, 1]."""
        return self.data.on_after_batch_transfer(batch, dataloader_idx)


def score_split(
    predictions: Predictions, data: FERDataModule, faults: Sequence[str], *, split: str = "test"
) -> SplitScores:
    """Score the predictions of one split.

    Args:
        predictions: of every image of the split.
        data: the data module that holds the images.
        faults: of the pass, as ``FERModule.faults`` has them.
        split: "train", whose images are no copies of training images, "val" or "test".

    Returns:
        The scores. Those of a target dataset are as ``score_targets`` returns them, with ``left_out``: {class that the
        network does not know: images}. Where images have a copy in training, the scores have ``copies``
        (``metrics.copies.score_copies``).
    """
    table, classes, rows = data.table, data.classes, predictions.index
    status = np.full(len(predictions), "", dtype="<U5")
    if split != "train":
        status = copy_status(table, data.fold.train, rows)
    majority = None
    if table.relabel_votes is not None:
        labels = find_majority(table.relabel_votes[rows], len(classes))
        majority = [classes[label] if label >= 0 else "" for label in labels]
    origin = np.full(len(predictions), "") if table.origin is None else table.origin[rows]
    is_own = origin == ""
    own, own_faults, datasets, targets = predictions, list(faults), None, {}
    if not is_own.all():
        own, datasets = predictions.choose(is_own), origin.tolist()
        joint_collapse = find_collapse(predictions, classes)  # may hide a collapse on one dataset behind another
        own_faults = [*find_collapse(own, classes), *(fault for fault in faults if fault not in joint_collapse)]
        targets = score_targets(predictions, origin, classes)
    scores = _score_own(own, data, status[is_own])
    if datasets is None and table.votes is not None:
        scores["votes"] = score_votes(table.votes[rows], predictions)
    warnings = [f"metric {name} is left out: {why}" for name, why in scores.get("failed_metrics", {}).items()]
    left_out = getattr(data.dataset, "left_out", {})
    for name, target_scores in targets.items():
        target = predictions.choose(origin == name)
        target_scores |= {"left_out": left_out.get(name, {}), **_score_clusters(target, data)}
        warnings += [f"no result on {name}: {fault}" for fault in find_collapse(target, classes)]
    copies = status.tolist() if (status != "").any() else None
    return SplitScores(own, scores, own_faults, warnings, targets, datasets, copies, majority)


def _score_own(predictions: Predictions, data: FERDataModule, status: npt.NDArray[np.str_]) -> dict[str, Any]:
    scores = score(predictions, data.classes)
    copies = score_copies(predictions, status, data.classes, near_searched=data.table.near is not None)
    if copies:
        scores["copies"] = copies
    if data.table.relabel_votes is not None:
        scores["vote_majority"] = score_majority(data.table.relabel_votes[predictions.index], predictions)
    return scores | _score_clusters(predictions, data)


def _score_clusters(predictions: Predictions, data: FERDataModule) -> dict[str, Any]:
    columns = (data.table.subject, data.table.sequence)
    subjects, sequences = (None if column is None else column[predictions.index] for column in columns)
    return score_clusters(predictions, data.classes, subjects, sequences)
