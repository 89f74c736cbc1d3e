"""Intervals of scores: how far a number may lie from its value on an endless test set drawn the same way.

They say nothing about the spread between seeds, which needs several trainings. Here are those that need the confusion
matrix only; ``probability_intervals`` has the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

LEVEL = 0.95
DRAWS = 2000  # the ends of a percentile interval then move by about 3 % of its width from seed to seed

Matrix = npt.NDArray[np.int64]  # (K, K): rows are true classes, columns predicted ones
Interval = dict[str, Any]  # {"low": float, "high": float, "method": str, "level": float}


def make_interval(low: float, high: float, method: str) -> Interval:
    """Return an interval as it is written to ``metrics.json``."""
    return {"low": float(low), "high": float(high), "method": method, "level": LEVEL}


def percentiles(draws: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the ends of the 95 % percentile interval along the first axis: (2, ...)."""
    tail = (1 - LEVEL) / 2
    ends: npt.NDArray[np.float64] = np.quantile(draws, (tail, 1 - tail), axis=0)
    return ends


def wilson(hits: int, size: int) -> Interval | None:
    """Return the Wilson score interval of the share ``hits / size`` (Wilson 1927), or None for ``size`` 0.

    >>> interval = wilson(4693, 7178)
    >>> round(interval["low"], 4), round(interval["high"], 4)
    (0.6427, 0.6647)
    """
    if size == 0:
        return None
    ends = binomtest(hits, size).proportion_ci(confidence_level=LEVEL, method="wilson")
    return make_interval(ends.low, ends.high, "wilson")


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
    chance = _ratio((support * predicted).sum(-1), total**2)
    rates = _class_rates(counts)
    macro = {name: _mean(values, support > 0) for name, values in rates.items()}
    return {
        "balanced_accuracy": macro["recall"],
        **macro,
        "f1_weighted": _mean(rates["f1"], support),
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
        Interval by name, for the names of ``macro_scores``, ``precision_weighted`` and ``specificity_weighted``.
    """
    random = np.random.default_rng(seed)
    draws = np.zeros((DRAWS, *matrix.shape), dtype=np.int64)
    for true, row in enumerate(matrix):
        size = int(row.sum())
        if size:
            draws[:, true] = random.multinomial(size, row / size, size=DRAWS)
    rates, weights = _class_rates(draws), draws.sum(-1)
    weighted = {f"{name}_weighted": _mean(rates[name], weights) for name in ("precision", "specificity")}
    intervals = {}
    for name, values in (macro_scores(draws) | weighted).items():
        low, high = percentiles(values)
        intervals[name] = make_interval(low, high, "stratified bootstrap")
    return intervals


def score_intervals(matrix: Matrix, classes: list[str], seed: int = 0) -> dict[str, Any]:
    """Return the interval of every score that follows from the confusion matrix; under ``per_class`` those of a class.

    A share of counted images, and what rises with one share alone, has Wilson's interval: accuracy; a class's recall,
    precision and specificity; its F1 = 2 J / (1 + J), J = TP / (TP + FP + FN) being the share of hits among the images
    that are of the class or called so (Hand, Christen and Kirielle 2021). Scores of several classes are no shares:
    bootstrap. None where the score itself has no denominator, and where a class is never predicted, its precision.

    Args:
        matrix: (K, K) counts, rows true classes, columns predicted ones.
        classes: the K names.
        seed: of the bootstrap.
    """
    support, predicted, right = matrix.sum(1), matrix.sum(0), matrix.diagonal()
    total = int(matrix.sum())
    accuracy = wilson(int(right.sum()), total)
    intervals: dict[str, Any] = {
        "accuracy": accuracy,
        **bootstrap(matrix, seed),
        **dict.fromkeys(("recall_weighted", "precision_micro", "recall_micro", "f1_micro"), accuracy),
        "specificity_micro": _map_ends(accuracy, lambda share: 1 - (1 - share) / (len(classes) - 1)),
    }
    if np.count_nonzero(support) < 2:  # no negatives: the score itself is undefined
        intervals |= {"specificity": None, "specificity_weighted": None}
    intervals["per_class"] = {}
    for name, hits, images, called in zip(classes, right.tolist(), support.tolist(), predicted.tolist(), strict=True):
        others = total - images
        rates = {
            "precision": wilson(hits, called),
            "recall": wilson(hits, images),
            "f1": _map_ends(wilson(hits, images + called - hits), lambda share: 2 * share / (1 + share)),
            "specificity": wilson(others - (called - hits), others),
        }
        intervals["per_class"][name] = rates if images else dict.fromkeys(rates)
    return intervals


def _map_ends(interval: Interval | None, rising: Callable[[float], float]) -> Interval | None:
    return interval and interval | {end: rising(interval[end]) for end in ("low", "high")}


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    share = np.zeros(np.broadcast(above, below).shape)
    np.divide(above, below, out=share, where=below != 0)
    return share


def _mean(values: npt.NDArray[np.float64], weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return _ratio((values * weights).sum(-1), weights.sum(-1))


def _class_rates(matrices: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Return precision, recall, F1 and specificity of each class: name -> (..., K)."""
    counts = matrices.astype(np.float64)
    support, predicted = counts.sum(-1), counts.sum(-2)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    negatives = support.sum(-1)[..., None] - support
    return {
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, support),
        "f1": _ratio(2 * right, support + predicted),
        "specificity": _ratio(negatives - (predicted - right), negatives),
    }
