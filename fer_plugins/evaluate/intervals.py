"""Intervals of scores: how far a number may lie from its value on an endless test set drawn the same way.

They say nothing about the spread between seeds, which needs several trainings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

LEVEL = 0.95
DRAWS = 2000  # the ends of a percentile interval then move by about 3 % of its width from seed to seed

Matrix = npt.NDArray[np.int64]  # (K, K): rows are true classes, columns predicted ones
Interval = dict[str, Any]  # {"low": float, "high": float, "method": str, "level": float}


def wilson(hits: int, size: int) -> Interval | None:
    """Return the Wilson score interval of the share ``hits / size`` (Wilson 1927), or None for ``size`` 0.

    >>> interval = wilson(4693, 7178)
    >>> round(interval["low"], 4), round(interval["high"], 4)
    (0.6427, 0.6647)
    """
    if size == 0:
        return None
    ends = binomtest(hits, size).proportion_ci(confidence_level=LEVEL, method="wilson")
    return _interval(ends.low, ends.high, "wilson")


def macro_scores(matrices: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Compute macro scores of many confusion matrices at once.

    For class c with TP, FP, FN, TN of one-against-rest: precision TP/(TP+FP), recall TP/(TP+FN), specificity
    TN/(TN+FP), F1 2TP/(2TP+FP+FN); 0/0 is 0. Macro is the plain mean over the classes whose row is not empty;
    ``balanced_accuracy`` is macro recall, ``f1_weighted`` the mean of F1 weighted by the images of each class.
    ``kappa`` is Cohen's (po - pe)/(1 - pe), ``mcc`` the Matthews correlation (Gorodkin 2004), 0 where they are 0/0.

    Args:
        matrices: counts, (..., K, K), rows true classes, columns predicted ones.

    Returns:
        Name -> (...) float64 in [0, 1] (``kappa``, ``mcc``: [-1, 1]).
    """
    counts = matrices.astype(np.float64)
    support, predicted = counts.sum(-1), counts.sum(-2)  # (..., K)
    total = support.sum(-1)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    wrongly_taken = predicted - right
    negatives = total[..., None] - support
    present = support > 0
    recall = _mean(_ratio(right, support), present)
    chance = _ratio((support * predicted).sum(-1), total**2)
    return {
        "balanced_accuracy": recall,
        "precision": _mean(_ratio(right, predicted), present),
        "recall": recall,
        "f1": _mean(_ratio(2 * right, support + predicted), present),
        "specificity": _mean(_ratio(negatives - wrongly_taken, negatives), present),
        "f1_weighted": _ratio((_ratio(2 * right, support + predicted) * support).sum(-1), total),
        "kappa": _ratio(_ratio(right.sum(-1), total) - chance, 1 - chance),
        "mcc": _ratio(
            right.sum(-1) * total - (support * predicted).sum(-1),
            np.sqrt((total**2 - (support**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))),
        ),
    }


def bootstrap(matrix: Matrix, seed: int = 0) -> dict[str, Interval]:
    """Return percentile intervals of the macro scores by a stratified bootstrap (Efron and Tibshirani 1993, ch. 13).

    Resampling the images of one true class with replacement draws that class's row of the confusion matrix from a
    multinomial distribution, so the matrix is all that is needed. The class counts stay as they are. A class that is
    always or never hit adds no width (a network that always says the same has an interval of width 0): its Wilson
    interval is the one to look at then.

    Args:
        matrix: (K, K) counts, rows true classes, columns predicted ones.
        seed: of the draws; the same matrix and seed give the same intervals.

    Returns:
        Interval by name, for the names of ``macro_scores``.
    """
    random = np.random.default_rng(seed)
    draws = np.zeros((DRAWS, *matrix.shape), dtype=np.int64)
    for true, row in enumerate(matrix):
        size = int(row.sum())
        if size:
            draws[:, true] = random.multinomial(size, row / size, size=DRAWS)
    tail = (1 - LEVEL) / 2
    intervals = {}
    for name, values in macro_scores(draws).items():
        low, high = np.quantile(values, (tail, 1 - tail))
        intervals[name] = _interval(low, high, "stratified bootstrap")
    return intervals


def score_intervals(matrix: Matrix, classes: list[str], seed: int = 0) -> dict[str, Any]:
    """Return every interval of one split: overall, and per class under ``per_class``.

    Accuracy and each class's recall and precision are shares of counted images: Wilson. Macro scores are no shares:
    bootstrap. A class without images, or one never predicted, has None where its share has no denominator.

    Args:
        matrix: (K, K) counts, rows true classes, columns predicted ones.
        classes: the K names.
        seed: of the bootstrap.
    """
    support, predicted = matrix.sum(1), matrix.sum(0)
    intervals: dict[str, Any] = {"accuracy": wilson(int(matrix.trace()), int(matrix.sum()))}
    macro = bootstrap(matrix, seed)
    intervals |= macro
    if np.count_nonzero(support) < 2:
        intervals["specificity"] = None  # no negatives: the score itself is undefined
    intervals["per_class"] = {
        name: {
            "precision": wilson(int(matrix[k, k]), int(predicted[k])) if support[k] else None,
            "recall": wilson(int(matrix[k, k]), int(support[k])),
        }
        for k, name in enumerate(classes)
    }
    return intervals


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    share = np.zeros(np.broadcast(above, below).shape)
    np.divide(above, below, out=share, where=below != 0)
    return share


def _mean(values: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return _ratio((values * chosen).sum(-1), chosen.sum(-1))


def _interval(low: float, high: float, method: str) -> Interval:
    return {"low": float(low), "high": float(high), "method": method, "level": LEVEL}
