"""The difference of two scores with its interval: of two test sets or of two sets of trainings, never of both mixed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_plugins.analysis.seed_spread import welch
from fer_plugins.metrics.differences import Difference, as_difference


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
    return with_verdict(as_difference(difference, tested["low"], tested["high"], method)) | sides


def verdict(difference: Difference) -> str:
    """Say whether the flawed protocol (the first of the two) scores higher.

    >>> verdict({"difference": 0.1, "low": 0.02, "high": 0.18})
    'inflated'
    >>> verdict({"difference": 0.1, "low": -0.02, "high": 0.22})
    'not distinguishable'
    >>> verdict({"difference": -0.1, "low": -0.18, "high": -0.02})
    'lower, not inflated'
    """
    if difference["low"] is None:
        return "no interval"
    if difference["low"] <= 0 <= difference["high"]:
        return "not distinguishable"
    return "inflated" if difference["low"] > 0 else "lower, not inflated"


def with_verdict(difference: Difference) -> Difference:
    """Return a difference with its verdict."""
    return difference | {"verdict": verdict(difference)}
