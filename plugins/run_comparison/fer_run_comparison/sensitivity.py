"""Smallest detectable difference of a comparison, and equivalence of two models within a margin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

POWER = 0.8
MARGIN = 1.0  # in points; the region of practical equivalence of Benavoli et al. 2017


def detectable_by_mcnemar(discordant: int, size: int, level: float) -> float | None:
    """Return the smallest difference in points that McNemar's mid-p test detects with 80 % power.

    The number of images on which exactly one network is correct is taken as fixed. The test is then one of a coin
    thrown that many times, whose power is exact, without normal approximation.

    Args:
        discordant: number of images on which exactly one of the two networks is correct.
        size: number of all images.
        level: level of the test, after correction for the number of tests.

    Returns:
        Points, or None if no outcome on so few discordant images reaches the level (see ``fewest_discordant``).

    >>> round(detectable_by_mcnemar(400, 3589, 0.05), 2)
    1.55
    >>> detectable_by_mcnemar(4, 300, 0.05) is None
    True
    """
    only_first = np.arange(discordant // 2 + 1)
    mid_p = 2 * stats.binom.cdf(only_first, discordant, 0.5) - stats.binom.pmf(only_first, discordant, 0.5)
    significant = only_first[mid_p < level]
    if not len(significant):
        return None
    fewest_wins = discordant - int(significant[-1])
    share = float(stats.beta.ppf(POWER, fewest_wins, discordant - fewest_wins + 1))  # P(wins >= fewest_wins) = POWER
    return 100 * (2 * share - 1) * discordant / size


def fewest_discordant(level: float) -> int:
    """Return the minimum number of discordant images for which McNemar's mid-p can be below ``level``.

    >>> fewest_discordant(0.05)
    5
    """
    return math.floor(-math.log2(level)) + 1


def detectable_by_interval(difference: Mapping[str, Any], level: float) -> float | None:
    """Return the smallest difference in points that a test of roughly normal differences detects with 80 % power.

    Args:
        difference: {low, high, level}, in points.
        level: level of the test, after correction for the number of tests.

    Returns:
        Points, or None if the interval has no width.
    """
    error = _standard_error(difference)
    return float((stats.norm.ppf(1 - level / 2) + stats.norm.ppf(POWER)) * error) if error else None


def detectable_over_seeds(first: Sequence[float], second: Sequence[float], level: float) -> float | None:
    """Return the smallest difference in points that Welch's t detects with 80 % power, if trainings vary like these.

    Args:
        first: one score per training of the first model, fractions, at least two.
        second: the same for the second model.
        level: level of the test, after correction for the number of tests.

    Returns:
        Points, or None if no score varies or no difference of fractions, at most 100 points, is large enough.
    """
    means = CompareMeans(DescrStatsW(np.asarray(second)), DescrStatsW(np.asarray(first)))
    error = float(means.std_meandiff_separatevar)
    if error < 1e-12:
        return None
    df = float(means.dof_satt())
    critical = float(stats.t.ppf(1 - level / 2, df))
    shift = brentq(lambda shift: stats.nct.sf(critical, df, shift) - POWER, 0, 10 + 20 * critical)
    points = 100 * error * float(shift)
    return points if points < 100 else None


def equivalence_p(difference: Mapping[str, Any], margin: float) -> float | None:
    """Test whether a difference is within +-``margin`` points: two one-sided tests (TOST; Schuirmann 1987).

    Centre and standard error are those of the interval, so this is the test whose 90 % interval is within the margin:
    for accuracy Bonett and Price's, for macro F1 the bootstrap's, assumed to be normal.

    Args:
        difference: {low, high, level}, in points.
        margin: in points, above 0.

    Returns:
        p, the larger of the two; None if the interval has no width.
    """
    error = _standard_error(difference)
    if not error:
        return None
    centre = (difference["low"] + difference["high"]) / 2
    return float(max(stats.norm.sf((centre + margin) / error), stats.norm.cdf((centre - margin) / error)))


def equivalence_p_over_seeds(first: Sequence[float], second: Sequence[float], margin: float) -> float | None:
    """Test whether means over trainings are within +-``margin`` points of each other: TOST by Welch's t.

    Args:
        first: one score per training of the first model, fractions, at least two.
        second: the same for the second model.
        margin: in points, above 0.

    Returns:
        p, or None if no score varies.
    """
    means = CompareMeans(DescrStatsW(np.asarray(second)), DescrStatsW(np.asarray(first)))
    if means.std_meandiff_separatevar < 1e-12:
        return None
    return float(means.ttost_ind(-margin / 100, margin / 100, usevar="unequal")[0])


def _standard_error(difference: Mapping[str, Any]) -> float:
    if difference["low"] is None:
        return 0.0
    width = difference["high"] - difference["low"]
    return float(width / (2 * stats.norm.ppf((1 + difference["level"]) / 2)))
