"""Scores of a test split with several datasets: those of each dataset, and its gap to the dataset used for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.resampling import draw_matrices, percentiles
from fer_plugins.metrics.scores import score

Matrix = npt.NDArray[np.int64]


def score_targets(
    predictions: Predictions, origin: npt.NDArray[np.str_], classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Score every dataset of a test split other than the one used for training.

    Args:
        predictions: Predictions for the whole test split.
        origin: (N,) dataset of each image, "" for the one used for training.
        classes: Names of the K classes.

    Returns:
        Dataset -> its scores (see ``metrics.scores.score``) with ``missing_classes`` (classes it lacks),
        ``prior_adjusted_accuracy`` and ``gap``: {accuracy, balanced_accuracy}, each the value of the dataset minus that
        of the own test split, both over the classes that the dataset has. These have ``low`` and ``high``, the ends of
        a 95 % interval: percentiles of a bootstrap stratified by class that resamples both test splits.
    """
    own_matrix = confusion(predictions.choose(origin == ""), len(classes))
    scores = {}
    for name in sorted(set(origin.tolist()) - {""}):
        split = predictions.choose(origin == name)
        matrix = confusion(split, len(classes))
        present = matrix.sum(1) > 0
        seed = 0
        scores[name] = {
            **score(split, list(classes)),
            "missing_classes": [label for label, has_images in zip(classes, present, strict=True) if not has_images],
            "prior_adjusted_accuracy": prior_adjusted_accuracy(matrix, own_matrix.sum(1), seed),
            "gap": gap(own_matrix, matrix, seed),
        }
    return scores


def confusion(predictions: Predictions, size: int) -> Matrix:
    """Count (true, predicted) pairs: (size, size)."""
    pairs = predictions.label * size + predictions.predicted
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def prior_adjusted_accuracy(matrix: Matrix, prior: Matrix, seed: int = 0) -> dict[str, float]:
    """Return the accuracy that the recalls of a dataset would give with the class frequencies of another dataset.

    This is the sum of recall times prior over the classes present, divided by the sum of their priors.

    Args:
        matrix: (K, K) confusion matrix of the dataset.
        prior: (K,) number of test images per class of the dataset used for training.
        seed: Seed of the bootstrap.
    """
    weight = np.where(matrix.sum(1) > 0, prior, 0).astype(float)
    if not weight.any():
        return {"value": float("nan"), "low": float("nan"), "high": float("nan")}
    weight /= weight.sum()
    value = float((weight * _recalls(matrix)).sum())
    return _with_interval(value, (weight * _recalls(draw_matrices(matrix, seed))).sum(-1))


def gap(own: Matrix, target: Matrix, seed: int = 0) -> dict[str, dict[str, float]]:
    """Return the differences in accuracy and balanced accuracy between another dataset and the own test split.

    Args:
        own: (K, K) confusion matrix of the own test split; classes that the other dataset lacks are left out.
        target: (K, K) confusion matrix of the other dataset.
        seed: Seed of the bootstrap.
    """
    present = (target.sum(1) > 0) & (own.sum(1) > 0)
    own, target = own * present[:, None], target * present[:, None]
    own_draws, target_draws = draw_matrices(own, seed), draw_matrices(target, seed + 1)
    scores = {}
    for name, measure in (("accuracy", _accuracy), ("balanced_accuracy", lambda m: _recalls(m)[..., present].mean(-1))):
        scores[name] = _with_interval(float(measure(target) - measure(own)), measure(target_draws) - measure(own_draws))
    return scores


def _accuracy(matrix: Matrix) -> Any:
    return np.diagonal(matrix, axis1=-2, axis2=-1).sum(-1) / np.maximum(matrix.sum((-2, -1)), 1)


def _recalls(matrix: Matrix) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = np.diagonal(matrix, axis1=-2, axis2=-1) / np.maximum(matrix.sum(-1), 1)
    return shares


def _with_interval(value: float, draws: npt.NDArray[np.float64]) -> dict[str, float]:
    low, high = percentiles(draws)
    return {"value": value, "low": float(low), "high": float(high)}
