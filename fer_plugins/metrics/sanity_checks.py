"""Checks that scores are valid: the network has not collapsed, and predictions are paired with their own labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.intervals import matrix_intervals
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runtime.errors import RunError


def find_collapse(predictions: Predictions, classes: Sequence[str]) -> list[str]:
    """Return a sentence for each way in which the network has collapsed; an empty list for a working network."""
    faults = (no_number(predictions), one_class(predictions, classes))
    return [sentence for sentence in faults if sentence]


def one_class(predictions: Predictions, classes: Sequence[str]) -> str | None:
    """Return a sentence if the same class is predicted for all images, although they belong to several classes."""
    predicted = np.unique(predictions.predicted)
    if len(predicted) > 1 or len(np.unique(predictions.label)) < 2:
        return None
    return f"every one of the {len(predictions):,} images is called {classes[int(predicted[0])]}"


def no_number(predictions: Predictions) -> str | None:
    """Return a sentence if a probability is not finite, which accuracy hides: argmax treats NaN as the largest."""
    bad = int((~np.isfinite(predictions.probabilities)).any(1).sum())
    return f"the network gives no finite numbers for {bad:,} of {len(predictions):,} images" if bad else None


class PairingError(RunError):
    """Raised if predictions and labels do not belong together, which is a bug rather than wrong input."""


def check_pairing(
    predictions: Predictions, expected_index: npt.NDArray[np.int64], expected_label: npt.NDArray[np.int64]
) -> None:
    """Verify that every image of the split was scored exactly once, against its own label.

    Args:
        predictions: Predictions of one pass over the split.
        expected_index: (N,) rows of the sample table in the split, in any order.
        expected_label: (N,) labels of these rows in the sample table.

    Raises:
        PairingError: An image is missing, not part of the split or counted twice, a label belongs to another image, or
            the number of correct predictions differs from that counted during the pass.
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
    scored, expected = np.bincount(predictions.label, minlength=top), np.bincount(expected_label, minlength=top)
    if not np.array_equal(scored, expected):
        raise PairingError(f"images per class: scored {scored.tolist()}, in the split {expected.tolist()}")
    wrong = np.flatnonzero(predictions.label != expected_label)
    if len(wrong):
        raise PairingError(f"{len(wrong)} images were scored against another image's label, first {unique[wrong[0]]}")
    hits = int((predictions.predicted == expected_label).sum())
    if hits != predictions.correct:
        raise PairingError(f"{hits} hits in the confusion matrix, {predictions.correct} counted during the pass")


def find_wrong_pairing(scores: dict[str, Any], train_accuracy: float) -> str | None:
    """Return a warning if predictions seem to be paired with the labels of other images.

    Random pairing gives accuracy sum(p_c q_c), macro recall 1/K and kappa 0 for every network (p, q: class frequencies
    of labels and of predictions). A warning requires a network that is known to be better: its training accuracy is
    above 2 sum(p_c^2), while on this split the 95 % interval of kappa includes 0, or macro recall is within 0.01 of
    1/K, with K the number of classes present.

    Args:
        scores: Scores of a split, from ``score``.
        train_accuracy: Training accuracy of the last epoch, as a fraction.

    Returns:
        One sentence, or None if nothing is suspicious.
    """
    matrix = np.asarray(scores["confusion_matrix"], dtype=np.int64)
    support = matrix.sum(1)
    shares = support / support.sum()
    chance = float((shares**2).sum())
    if train_accuracy <= 2 * chance:
        return None
    kappa = matrix_intervals(matrix)["kappa"]
    level = 1 / np.count_nonzero(support)
    if kappa["low"] <= 0 <= kappa["high"] or abs(scores["balanced_accuracy"] - level) < 0.01:
        return (
            f"labels and predictions look unpaired: macro recall {scores['balanced_accuracy']:.4f} (chance "
            f"{level:.4f}), kappa within [{kappa['low']:.3f}, {kappa['high']:.3f}], while training accuracy is "
            f"{train_accuracy:.4f}"
        )
    return None
