"""Scores one split of a run: the dataset that was trained on, and each dataset that was only tested on apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning.pytorch import LightningDataModule

from fer_plugins.contract import Batch
from fer_plugins.data.audit.copy_status import copy_status
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.loaders import ResidentLoader
from fer_plugins.metrics.by_dataset import score_targets
from fer_plugins.metrics.cluster_scores import score_clusters
from fer_plugins.metrics.collapse import find_collapse
from fer_plugins.metrics.copies import score_copies
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scores import score
from fer_plugins.metrics.vote_majority import find_majority, score_majority
from fer_plugins.metrics.votes import score_votes


@dataclass(frozen=True)
class PartScores:
    """The scores of one split."""

    own: Predictions  # of the dataset that was trained on
    scores: dict[str, Any]  # of ``own``
    faults: list[str]  # why these are no result
    datasets: list[str] | None = None  # the dataset of each prediction, "" for the own one; None: all are
    copies: list[str] | None = None  # of each prediction "exact", "near" or ""; None: no image has a copy in training
    majority: list[str] | None = None  # of each prediction the class with most votes or ""; None: there are no votes
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)  # other dataset -> its scores
    warnings: list[str] = field(default_factory=list)


class TrainSplit(LightningDataModule):
    """The training images as a test split, in the order of their rows and without augmentation: ``trainer.test``.

    Oversampled images count once; images that ``data.balance augment`` made belong to the split.

    Args:
        data: prepared.
    """

    def __init__(self, data: FERDataModule) -> None:
        super().__init__()
        self.data = data

    def test_dataloader(self) -> ResidentLoader:
        """Training images, not shuffled."""
        return self.data.train_eval_dataloader()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Lightning's hook: images become float32 in [0, 1]."""
        return self.data.on_after_batch_transfer(batch, dataloader_idx)


def score_split(
    predictions: Predictions, data: FERDataModule, faults: Sequence[str], *, split: str = "test"
) -> PartScores:
    """Score the predictions of one split.

    Args:
        predictions: of every image of the split.
        data: that they are of.
        faults: what the network says of the pass (``FERModule.faults``).
        split: "train", whose images are no copies of training images, "val" or "test".

    Returns:
        The scores; those of other datasets as ``score_targets`` returns them, with ``left_out``: {class that the
        network does not know: images}. Where images have a copy in training, the scores have ``copies``
        (``metrics.copies.score_copies``).
    """
    table = data.table
    status = np.full(len(predictions), "", dtype="<U5")
    if split != "train":
        status = copy_status(table, data.fold.train, predictions.index)
    copies = status.tolist() if (status != "").any() else None
    majority = _name_majority(data, predictions.index)
    origin = None if table.origin is None else table.origin[predictions.index]
    if origin is None or not (origin != "").any():
        scores = _score_own(predictions, data, status)
        if table.votes is not None:
            scores["votes"] = score_votes(table.votes[predictions.index], predictions)
        return PartScores(
            predictions, scores, list(faults), copies=copies, majority=majority, warnings=_left_out(scores)
        )
    own = predictions.choose(origin == "")
    of_all = find_collapse(predictions, data.classes)  # a collapse on one dataset may hide behind another
    found = [*find_collapse(own, data.classes), *(fault for fault in faults if fault not in of_all)]
    targets = score_targets(predictions, origin, data.classes)
    left_out = getattr(data.dataset, "left_out", {})
    scores = _score_own(own, data, status[origin == ""])
    warnings = _left_out(scores)
    for name, one in targets.items():
        one["left_out"] = left_out.get(name, {})
        one |= _score_clusters(predictions.choose(origin == name), data)
        collapse = find_collapse(predictions.choose(origin == name), data.classes)
        warnings += [f"no result on {name}: {fault}" for fault in collapse]
    return PartScores(own, scores, found, origin.tolist(), copies, majority, targets, warnings)


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


def _name_majority(data: FERDataModule, rows: npt.NDArray[np.int64]) -> list[str] | None:
    votes = data.table.relabel_votes
    if votes is None:
        return None
    return [data.classes[place] if place >= 0 else "" for place in find_majority(votes[rows], len(data.classes))]


def _left_out(scores: Mapping[str, Any]) -> list[str]:
    return [f"metric {name} is left out: {why}" for name, why in scores.get("failed_metrics", {}).items()]
