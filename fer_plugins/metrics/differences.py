"""The difference of a score between two disjoint sets of images: two test sets, or two parts of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.metrics.confusion import Matrix, macro_scores
from fer_plugins.metrics.resampling import LEVEL, draw_matrices, percentiles

Difference = dict[str, Any]  # {"difference", "low", "high", "method", "level"}: first minus second, as fractions


def accuracy_difference(first: Matrix, second: Matrix) -> Difference:
    """Return the accuracy of ``first`` minus that of ``second``, with Newcombe's interval (1998, method 10).

    It combines the Wilson intervals (l1, u1), (l2, u2) of the proportions p1, p2:
    p1 - p2 - sqrt((p1 - l1)^2 + (u2 - p2)^2) to p1 - p2 + sqrt((u1 - p1)^2 + (p2 - l2)^2). The sets are assumed to be
    independent; if they share images, the interval tends to be too wide.

    Args:
        first: (K, K) confusion matrix of one set of images, at least one image.
        second: (K, K) confusion matrix of the other set.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep  # takes a second to import

    hits, sizes = [int(matrix.trace()) for matrix in (first, second)], [int(m.sum()) for m in (first, second)]
    low, high = confint_proportions_2indep(
        hits[0], sizes[0], hits[1], sizes[1], method="newcomb", compare="diff", alpha=1 - LEVEL
    )
    return as_difference(hits[0] / sizes[0] - hits[1] / sizes[1], low, high, "Newcombe score")


def macro_difference(name: str, first: Matrix, second: Matrix, seed: int = 0) -> Difference:
    """Return a macro score of ``first`` minus that of ``second``, with a percentile interval of a stratified bootstrap.

    Each set is resampled independently, class by class, as in ``resampling.draw_matrices``. A class that is always or
    never predicted correctly adds no width; if there are only such classes, the interval has width 0, and the accuracy
    should be compared instead.

    Args:
        name: Name of a score of ``macro_scores``.
        first: (K, K) confusion matrix of one set of images.
        second: (K, K) confusion matrix of the other set.
        seed: Seed of the bootstrap.
    """
    random = np.random.default_rng(seed)
    draws = [macro_scores(draw_matrices(matrix, random))[name] for matrix in (first, second)]
    low, high = percentiles(draws[0] - draws[1])
    scores = [float(macro_scores(matrix)[name]) for matrix in (first, second)]
    return as_difference(scores[0] - scores[1], low, high, "stratified bootstrap")


def as_difference(value: float, low: float | None, high: float | None, method: str) -> Difference:
    """Return a difference as stored in records; without an interval, ``low`` and ``high`` are None."""
    ends = {"low": None if low is None else float(low), "high": None if high is None else float(high)}
    return {"difference": float(value), **ends, "method": method, "level": LEVEL}
