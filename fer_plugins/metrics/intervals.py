"""Intervals of scores that need the confusion matrix only. No torch.

An interval says how far a number may lie from its value on an endless test set drawn the same way, and nothing about
the spread between seeds, which needs several trainings. ``probability_intervals`` has those of the other scores.
"""

from __future__ import annotations

from collections.abc import Callable

from scipy.stats import binomtest

from fer_plugins.metrics.confusion import Matrix, macro_scores
from fer_plugins.metrics.resampling import LEVEL, Interval, draw_matrices, make_interval, percentiles


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


def map_ends(interval: Interval | None, rising: Callable[[float], float]) -> Interval | None:
    """Return the interval of what rises with a share: both ends mapped; None stays."""
    return interval and interval | {end: rising(interval[end]) for end in ("low", "high")}


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
    drawn = macro_scores(draw_matrices(matrix, seed))
    intervals = {name: percentiles(values) for name, values in drawn.items()}
    return {name: make_interval(low, high, "stratified bootstrap") for name, (low, high) in intervals.items()}


def rate_intervals(matrix: Matrix) -> dict[str, list[Interval | None]]:
    """Return the intervals of each class's precision, recall, F1 and specificity.

    A share of counted images, and what rises with one share alone, has Wilson's interval: a class's recall,
    precision and specificity; its F1 = 2 J / (1 + J), J = TP / (TP + FP + FN) being the share of hits among the images
    that are of the class or called so (Hand, Christen and Kirielle 2021). None for an absent class, and where a class
    is never predicted, for its precision.

    Args:
        matrix: (K, K) counts, rows true classes, columns predicted ones.
    """
    total = int(matrix.sum())
    intervals: dict[str, list[Interval | None]] = {name: [] for name in ("precision", "recall", "f1", "specificity")}
    for hits, images, called in zip(
        matrix.diagonal().tolist(), matrix.sum(1).tolist(), matrix.sum(0).tolist(), strict=True
    ):
        others = total - images
        rates = {
            "precision": wilson(hits, called),
            "recall": wilson(hits, images),
            "f1": map_ends(wilson(hits, images + called - hits), lambda share: 2 * share / (1 + share)),
            "specificity": wilson(others - (called - hits), others),
        }
        for name, interval in rates.items():
            intervals[name].append(interval if images else None)
    return intervals
