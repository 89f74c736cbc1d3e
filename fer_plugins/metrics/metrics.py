"""Scores of predictions, and the proof that each prediction was paired with the label of its own image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fer_plugins.metrics import intervals as interval
from fer_plugins.metrics.calibration import score_calibration
from fer_plugins.metrics.counts import score_counts
from fer_plugins.metrics.probability_intervals import probability_intervals
from fer_plugins.metrics.ranking import score_ranking
from fer_plugins.runtime.errors import RunError

Scores = dict[str, Any]  # what `score` returns; goes into metrics.json as it is


class PairingError(RunError):
    """Predictions and labels do not belong together: a fault of the program, not of the user's input."""


@dataclass(frozen=True)
class Predictions:
    """What a network said about each image of one split, in ascending order of ``index``.

    ``predicted`` is kept apart from ``probabilities`` because logits closer than rounding turn into equal
    probabilities, and a tie must not be broken twice in different ways.
    """

    index: npt.NDArray[np.int64]  # (N,) rows of the sample table
    label: npt.NDArray[np.int64]  # (N,) true class
    predicted: npt.NDArray[np.int64]  # (N,) class of the largest logit
    probabilities: npt.NDArray[np.float64]  # (N, K) softmax
    loss: npt.NDArray[np.float64]  # (N,) -log of the true class's probability, nats; finite where that underflows
    correct: int  # hits counted batch by batch during the pass

    def __len__(self) -> int:
        return len(self.index)


class Scorer:
    """Collects (index, logits, label) of one pass over a split and scores them at its end.

    Labels come from the batches only, together with the logits they belong to; nothing here ever sees a dataset's
    list of labels, so a shuffled loader cannot pair them wrongly. Nothing is read back from the device before the
    pass is over. One process only: under distributed training each process would hold its own part, which
    ``check_pairing`` then refuses.

    Args:
        classes: class names in label order, at least two.

    Raises:
        ValueError: fewer than two classes.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        if len(classes) < 2:
            raise ValueError(f"scores need at least two classes, not {len(classes)}")
        self.classes = list(classes)
        self.reset()

    def reset(self) -> None:
        """Forget the pass."""
        self._index: list[Tensor] = []
        self._label: list[Tensor] = []
        self._logits: list[Tensor] = []
        self._predicted: list[Tensor] = []
        self._correct: Tensor | None = None

    def update(self, index: Tensor, logits: Tensor, label: Tensor) -> None:
        """Take one batch; no synchronisation with the device.

        Args:
            index: (B,) rows of the sample table.
            logits: (B, K) of any floating type, still attached to the graph or not.
            label: (B,) true classes.
        """
        logits = logits.detach()
        predicted = logits.argmax(1)
        hits = (predicted == label).sum()
        self._correct = hits if self._correct is None else self._correct + hits
        self._index.append(index)
        self._label.append(label)
        self._logits.append(logits)
        self._predicted.append(predicted)

    def predictions(self) -> Predictions:
        """Return what was collected, sorted by index.

        Raises:
            RuntimeError: no batch was taken.
        """
        if self._correct is None:
            raise RuntimeError("nothing to score: no batch was taken")
        index = torch.cat(self._index).cpu()
        order = torch.argsort(index, stable=True)
        label = torch.cat(self._label).cpu()[order]
        log_probabilities = torch.cat(self._logits).cpu()[order].double().log_softmax(1)
        return Predictions(
            index=index[order].numpy(),
            label=label.numpy(),
            predicted=torch.cat(self._predicted).cpu()[order].numpy(),
            probabilities=log_probabilities.exp().numpy(),
            loss=-log_probabilities.gather(1, label[:, None])[:, 0].numpy(),
            correct=int(self._correct),
        )

    def compute(self, *, intervals: bool = True) -> Scores:
        """Score the pass: ``score(self.predictions(), self.classes)``."""
        return score(self.predictions(), self.classes, intervals=intervals)


def score(predictions: Predictions, classes: Sequence[str], *, intervals: bool = True, seed: int = 0) -> Scores:
    """Compute every score of one split; ``docs/metrics.md`` says how each is defined.

    The overall precision, recall, F1 and specificity are macro: plain means over the classes present in the labels,
    where a class that is never predicted has precision 0. (torchmetrics' own macro average also counts a class that
    is absent from the labels but predicted; its images are already counted as errors of their true classes.) What has
    no denominator is None: everything of an absent class, and what needs negatives when only one class is present.

    Args:
        predictions: of every image of the split.
        classes: K class names in label order.
        intervals: whether to add the 95 % intervals (about 0.25 s for 3,589 images and seven classes, 1.5 s for
            28,709; the rest takes 15 and 50 ms).
        seed: of the bootstrap intervals.

    Returns:
        ``n``; ``loss``, the mean of -log p(true class) in nats, neither smoothed nor weighted; what ``score_counts``,
        ``score_ranking`` and ``score_calibration`` return, ``per_class`` of the first two in one (the scores of
        probabilities are None if a probability is no number); and ``intervals``, those of ``score_intervals`` and of
        ``probability_intervals`` in one, a key for every score that is a float or None.
        Plain JSON types; rates are fractions.
    """
    names = list(classes)
    scores: Scores = {"n": len(predictions), "loss": float(predictions.loss.mean())}
    scores |= score_counts(predictions.label, predictions.predicted, names)
    if np.isfinite(predictions.probabilities).all():
        ranking = score_ranking(predictions, names)
        for name, row in ranking.pop("per_class").items():
            scores["per_class"][name] |= row
        scores |= ranking | score_calibration(predictions)
    else:
        scores |= dict.fromkeys(("top2_accuracy", "auroc", "average_precision", "brier", "ece"))
        for row in scores["per_class"].values():
            row |= {"auroc": None, "average_precision": None}
    if intervals:
        scores["intervals"] = _find_intervals(predictions, scores, seed)
    return scores


def _find_intervals(predictions: Predictions, scores: Scores, seed: int) -> dict[str, Any]:
    """Return the interval of every score, by the names of the scores; a score that is None has None."""
    matrix = np.asarray(scores["confusion_matrix"], dtype=np.int64)
    found = interval.score_intervals(matrix, scores["classes"], seed)
    of_probabilities = probability_intervals(predictions, scores, seed)
    for name, row in of_probabilities.pop("per_class").items():
        found["per_class"][name] |= row
    found |= of_probabilities
    share = scores["top2_accuracy"]
    found["top2_accuracy"] = None if share is None else interval.wilson(round(share * scores["n"]), scores["n"])
    return found | {name: None for name in ("kappa", "mcc") if scores[name] is None}


def check_pairing(
    predictions: Predictions, expected_index: npt.NDArray[np.int64], expected_label: npt.NDArray[np.int64]
) -> None:
    """Prove that every image of the split was scored once, against its own label.

    Args:
        predictions: of one pass over the split.
        expected_index: (N,) rows of the sample table that the split holds, in any order.
        expected_label: (N,) their labels in the sample table.

    Raises:
        PairingError: an image is missing, foreign or counted twice, a label is another image's, or the hits in
            the confusion matrix are not those counted during the pass.
    """
    unique, times = np.unique(predictions.index, return_counts=True)
    if len(unique) != len(predictions):
        raise PairingError(f"image {unique[times > 1][0]} was scored {times.max()} times")
    order = np.argsort(expected_index, kind="stable")
    expected_index, expected_label = expected_index[order], expected_label[order]
    if not np.array_equal(unique, expected_index):
        missing = np.setdiff1d(expected_index, unique)
        foreign = np.setdiff1d(unique, expected_index)
        raise PairingError(
            f"{len(predictions)} images were scored, the split has {len(expected_index)}: "
            f"{len(missing)} missing, {len(foreign)} that are not of the split"
        )
    top = int(max(predictions.label.max(), expected_label.max())) + 1
    counted, wanted = np.bincount(predictions.label, minlength=top), np.bincount(expected_label, minlength=top)
    if not np.array_equal(counted, wanted):
        raise PairingError(f"images per class: scored {counted.tolist()}, in the split {wanted.tolist()}")
    wrong = np.flatnonzero(predictions.label != expected_label)
    if len(wrong):
        raise PairingError(f"{len(wrong)} images were scored against another image's label, first {unique[wrong[0]]}")
    hits = int((predictions.predicted == expected_label).sum())
    if hits != predictions.correct:
        raise PairingError(f"{hits} hits in the confusion matrix, {predictions.correct} counted during the pass")


def looks_unpaired(scores: Scores, train_accuracy: float) -> str | None:
    """Return a warning when scores look like predictions paired with the labels of other images.

    Random pairing gives accuracy sum(p_c q_c), macro recall 1/K and kappa 0, whatever the network is (p, q: class
    shares of labels and of predictions). The alarm needs a network that is known to be better than that: its
    training accuracy above twice sum(p_c^2), while here the 95 % interval of kappa holds 0 or macro recall lies
    within 0.01 of 1/K, K being the number of classes present.

    Args:
        scores: of one split, from ``score``.
        train_accuracy: fraction, of the last training epoch.

    Returns:
        One sentence, or None when nothing is suspicious.
    """
    matrix = np.asarray(scores["confusion_matrix"], dtype=np.int64)
    support = matrix.sum(1)
    shares = support / support.sum()
    chance = float((shares**2).sum())
    if train_accuracy <= 2 * chance:
        return None
    kappa = interval.bootstrap(matrix)["kappa"]
    level = 1 / np.count_nonzero(support)
    if kappa["low"] <= 0 <= kappa["high"] or abs(scores["balanced_accuracy"] - level) < 0.01:
        return (
            f"labels and predictions look unpaired: macro recall {scores['balanced_accuracy']:.4f} (chance "
            f"{level:.4f}), kappa within [{kappa['low']:.3f}, {kappa['high']:.3f}], while training accuracy is "
            f"{train_accuracy:.4f}"
        )
    return None
