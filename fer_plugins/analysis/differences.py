"""The difference of two scores with its interval: of two test sets or of two sets of trainings, never of both mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from statsmodels.stats.proportion import confint_proportions_2indep

from fer_plugins.analysis.spread_limits import welch
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.resampling import LEVEL, draw_matrices, percentiles

Matrix = npt.NDArray[np.int64]  # (K, K): rows are true classes, columns predicted ones
Difference = dict[str, Any]  # {"difference", "low", "high", "method", "level", "verdict"}


def accuracy(one: Matrix, other: Matrix) -> Difference:
    """Return the accuracy of ``one`` less that of ``other``, with Newcombe's interval (1998, method 10).

    It joins the two Wilson intervals (l1, u1), (l2, u2) of the shares p1, p2:
    p1 - p2 - sqrt((p1 - l1)^2 + (u2 - p2)^2) to p1 - p2 + sqrt((u1 - p1)^2 + (p2 - l2)^2). The test sets are taken for
    independent; where they share images, the interval is on the wide side.

    Args:
        one: (K, K) counts of one network on its test set; at least one image.
        other: the same of the other network on another test set.
    """
    hits, sizes = [int(matrix.trace()) for matrix in (one, other)], [int(matrix.sum()) for matrix in (one, other)]
    low, high = confint_proportions_2indep(
        hits[0], sizes[0], hits[1], sizes[1], method="newcomb", compare="diff", alpha=1 - LEVEL
    )
    return _difference(hits[0] / sizes[0] - hits[1] / sizes[1], low, high, "Newcombe score")


def macro_f1(one: Matrix, other: Matrix, seed: int = 0) -> Difference:
    """Return the macro F1 of ``one`` less that of ``other``, with a percentile interval of a stratified bootstrap.

    F1 is no share of counted images. Each test set is drawn anew on its own, class by class, as in
    ``intervals.bootstrap``, with the same weakness: a class that is always or never hit adds no width. Two networks
    without any other class get an interval of width 0; look at the accuracy then.

    Args:
        one: (K, K) counts of one network on its test set.
        other: the same of the other network on another test set.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    drawn = [macro_scores(draw_matrices(matrix, random))["f1"] for matrix in (one, other)]
    low, high = percentiles(drawn[0] - drawn[1])
    scores = [float(macro_scores(matrix)["f1"]) for matrix in (one, other)]
    return _difference(scores[0] - scores[1], low, high, "stratified bootstrap")


def means(ones: Sequence[float], others: Sequence[float]) -> Difference:
    """Return the mean of ``ones`` less that of ``others``, with Welch's t interval (1947).

    Its values are scores of trainings under different seeds, so it says how far the difference may lie from that of
    endlessly many trainings on the same images. Of two trainings on a side, and where no value of either side differs
    from the others of its side, there is no interval: low and high are None, ``method`` says why ("none: too few",
    "none: no spread"), and the difference stands as it is.

    Args:
        ones: a score of each training, at least two.
        others: the same under the other protocol.

    Raises:
        ValueError: fewer than two values on a side.
    """
    if min(len(ones), len(others)) < 2:
        raise ValueError("an interval over seeds needs at least two on each side")
    sides = {
        name: {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)), "seeds": len(values)}
        for name, values in (("flawed", ones), ("sound", others))
    }
    difference = float(np.mean(ones) - np.mean(others))
    tested = welch(others, ones, (-1.0, 1.0))  # scores are shares
    method = f"none: {tested['why']}" if tested["why"] else "Welch t"
    return _difference(difference, tested["low"], tested["high"], method) | sides


def verdict(found: Difference) -> str:
    """Say whether the flawed protocol (the first of the two) scores higher.

    >>> verdict({"difference": 0.1, "low": 0.02, "high": 0.18})
    'inflated'
    >>> verdict({"difference": 0.1, "low": -0.02, "high": 0.22})
    'not distinguishable'
    >>> verdict({"difference": -0.1, "low": -0.18, "high": -0.02})
    'lower, not inflated'
    """
    if found["low"] is None:
        return "no interval"
    if found["low"] <= 0 <= found["high"]:
        return "not distinguishable"
    return "inflated" if found["low"] > 0 else "lower, not inflated"


def _difference(value: float, low: float | None, high: float | None, method: str) -> Difference:
    ends = {"low": None if low is None else float(low), "high": None if high is None else float(high)}
    found: Difference = {"difference": float(value), **ends, "method": method, "level": LEVEL}
    return found | {"verdict": verdict(found)}
