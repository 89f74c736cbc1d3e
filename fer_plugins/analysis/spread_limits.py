"""What an interval over trainings may say: nothing from two of them, and no value that the score cannot take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from fer_plugins.metrics.installed import known
from fer_plugins.metrics.resampling import LEVEL

FEWEST = 3  # trainings: Student's t has one degree of freedom at two, and its 95 % interval spans 12.7 sd each way
TOO_FEW = "too few"
NO_SPREAD = "no spread"
_OF_EVALUATIONS: dict[str, tuple[float, float]] = {  # beside the metrics of the table
    **dict.fromkeys(("consistency", "consistency_of_pairs", "reference_accuracy", "unchanged", "mean"), (0.0, 1.0)),
    **dict.fromkeys(("drop", "accuracy_gain"), (-1.0, 1.0)),
}
UNBOUNDED = (float("-inf"), float("inf"))


def range_of(score: str) -> tuple[float, float]:
    """Return the least and largest value that a score can take, as fractions; infinite where that is not known.

    Args:
        score: its name; of a dotted name of an evaluation the last known word counts.

    >>> range_of("accuracy"), range_of("shift.zero.consistency.1"), range_of("kappa")
    ((0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
    """
    ranges = _OF_EVALUATIONS | {name: entry.range for name, entry in known().items()}
    words = [word for word in score.split(".") if word in ranges]
    changes = any(word in ("change", "probability_change", "calibration") for word in score.split("."))
    return UNBOUNDED if changes or not words else ranges[words[-1]]


def clip(low: float, high: float, limits: tuple[float, float]) -> dict[str, float]:
    """Return {low, high}, neither outside ``limits``."""
    least, most = limits
    return {"low": min(max(low, least), most), "high": max(min(high, most), least)}


def why_none(values: Sequence[float], *others: Sequence[float]) -> str | None:
    """Return why samples of trainings allow no interval: TOO_FEW or NO_SPREAD; None where they allow one."""
    samples = (values, *others)
    if min(map(len, samples)) < FEWEST:
        return TOO_FEW
    if all(max(one) - min(one) < 1e-12 for one in samples):  # rounding of a mean
        return NO_SPREAD
    return None


def welch(first: Sequence[float], second: Sequence[float], limits: tuple[float, float] = UNBOUNDED) -> dict[str, Any]:
    """Compare the means of two samples of trainings by Welch's t (1947): mean of ``second`` less that of ``first``.

    Args:
        first: a score of each training, n >= 2.
        second: the same of other trainings, m >= 2.
        limits: least and largest value of the difference; the interval ends there.

    Returns:
        ``low, high`` (95 %), ``p``, ``why``. All but ``why`` are None where neither sample spreads at all, ``low`` and
        ``high`` also where ``why_none`` says why.
    """
    test: dict[str, Any] = {"low": None, "high": None, "p": None, "why": why_none(first, second)}
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return test
    both = CompareMeans(DescrStatsW(np.asarray(second)), DescrStatsW(np.asarray(first)))
    test["p"] = float(both.ttest_ind(usevar="unequal")[1])
    if test["why"] is None:
        low, high = both.tconfint_diff(1 - LEVEL, usevar="unequal")
        test |= clip(float(low), float(high), limits)
    return test


def format_spread(spread: Mapping[str, Any], form: str) -> str:
    """Write the interval ``form`` ("t", "z") of ``seed_interval``, or why there is none."""
    ends = spread[form]
    return f"{ends['low']:.4f} to {ends['high']:.4f}" if ends else str(spread["why"])
