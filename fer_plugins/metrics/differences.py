"""The difference of a score between two sets of images that share none: two test sets, or two parts of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.metrics.confusion import Matrix, macro_scores
from fer_plugins.metrics.resampling import LEVEL, draw_matrices, percentiles

Difference = dict[str, Any]  # {"difference", "low", "high", "method", "level"}: first less second, as shares


def accuracy_difference(first: Matrix, second: Matrix) -> Difference:
    """Return the accuracy of ``first`` less that of ``second``, with Newcombe's interval (1998, method 10).

    It joins the two Wilson intervals (l1, u1), (l2, u2) of the shares p1, p2:
    p1 - p2 - sqrt((p1 - l1)^2 + (u2 - p2)^2) to p1 - p2 + sqrt((u1 - p1)^2 + (p2 - l2)^2). The sets are taken for
    independent; where they share images, the interval is on the wide side.

    Args:
        first: (K, K) counts on one set of images, at least one.
        second: the same on the other set.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep  # takes a second to import

    hits, sizes = [int(matrix.trace()) for matrix in (first, second)], [int(m.sum()) for m in (first, second)]
    low, high = confint_proportions_2indep(
        hits[0], sizes[0], hits[1], sizes[1], method="newcomb", compare="diff", alpha=1 - LEVEL
    )
    return as_difference(hits[0] / sizes[0] - hits[1] / sizes[1], low, high, "Newcombe score")


def macro_difference(name: str, first: Matrix, second: Matrix, seed: int = 0) -> Difference:
    """Return a macro score of ``first`` less that of ``second``, with a percentile interval of a stratified bootstrap.

    Each set is drawn anew on its own, class by class, as in ``intervals.bootstrap``, with the same weakness: a class
    that is always or never hit adds no width. Two networks without any other class get an interval of width 0; look at
    the accuracy then.

    Args:
        name: of ``macro_scores``.
        first: (K, K) counts on one set of images.
        second: the same on the other set.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    draws = [macro_scores(draw_matrices(matrix, random))[name] for matrix in (first, second)]
    low, high = percentiles(draws[0] - draws[1])
    scores = [float(macro_scores(matrix)[name]) for matrix in (first, second)]
    return as_difference(scores[0] - scores[1], low, high, "stratified bootstrap")


def as_difference(value: float, low: float | None, high: float | None, method: str) -> Difference:
    """Return a difference as it is recorded; without an interval ``low`` and ``high`` are None."""
    ends = {"low": None if low is None else float(low), "high": None if high is None else float(high)}
    return {"difference": float(value), **ends, "method": method, "level": LEVEL}
