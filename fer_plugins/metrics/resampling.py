"""The resampler used by all intervals: draws images or counts, by class, by subject or overall, paired or not.

There are two ways to make draws of the same distribution: ``draw_images`` returns how often each image is drawn, which
works for every score; ``draw_counts`` directly draws the counts of kinds of images, which is faster if only kinds
matter (cells of a confusion matrix). The same groups and seed give the same draws, so that scores of a draw are scores
of the same images, and differences of them are paired.

scipy.stats.bootstrap is not used, because it supports neither strata nor clusters and resamples for every score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
DRAWS = 2000  # the ends of a percentile interval then vary by about 3 % of its width between seeds
CELLS = 1_000_000  # maximum number of counts in memory (8 MB)

Counts = npt.NDArray[np.float64]  # (N, d) whole numbers: how often each of N images is in each of d draws
Interval = dict[str, Any]  # {"low": float, "high": float, "method": str, "level": float}
Labels = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def draw_images(
    size: int,
    seed: int,
    *,
    strata: npt.NDArray[Any] | None = None,
    clusters: npt.NDArray[Any] | None = None,
    draws: int = DRAWS,
) -> Iterator[Counts]:
    """Yield how often each image is drawn, with replacement (Efron and Tibshirani 1993, ch. 13).

    Args:
        size: Number of images, N at least 1.
        seed: Random seed.
        strata: (N,) for example true classes: images are drawn within each stratum, whose size does not change.
        clusters: (N,) for example subjects: each is drawn with all of its images or none. If ``strata`` is given, too,
            every cluster must be within one stratum.
        draws: Total number of draws.

    Yields:
        (N, d) counts with N d at most ``CELLS`` (or d = 1), with ``draws`` columns in total.

    Raises:
        ValueError: A cluster is in several strata.
    """
    if clusters is not None:
        _, first, home = np.unique(clusters, return_index=True, return_inverse=True)
        if strata is not None and (strata != strata[first][home]).any():
            raise ValueError("a cluster lies in several strata, so it cannot be drawn within one")
        within = None if strata is None else strata[first]
        for counts in draw_images(len(first), seed, strata=within, draws=draws):
            yield counts[home]
        return
    random = np.random.default_rng(seed)
    step = max(1, CELLS // size)
    members = None if strata is None else [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for start in range(0, draws, step):
        d = min(step, draws - start)
        if members is None:  # one draw after the other, so that the result does not depend on the step
            rows_by_draw = random.integers(size, size=(d, size))
            yield np.stack([np.bincount(rows, minlength=size) for rows in rows_by_draw]).T.astype(np.float64)
            continue
        counts = np.empty((size, d))
        for rows in members:
            counts[rows] = _count(random.integers(len(rows), size=(len(rows), d)))
        yield counts


def draw_counts(groups: Iterable[npt.NDArray[np.int64]], seed: int | np.random.Generator, draws: int) -> list[Labels]:
    """Resample the images of each group, given only the number of images of each kind.

    Images drawn with replacement from a group have multinomial counts of kinds.

    Args:
        groups: For each group, the number of images of every kind, (M,); M may differ between groups.
        seed: Random seed, or a generator to use.
        draws: Number of draws.

    Returns:
        (draws, M) counts for each group, whose sum over kinds is the size of the group.
    """
    random = np.random.default_rng(seed)
    draws_by_group = []
    for counts in groups:
        size = int(counts.sum())
        shares = counts / max(size, 1)
        draws_by_group.append(
            random.multinomial(size, shares, draws) if size else np.zeros((draws, len(counts)), dtype=np.int64)
        )
    return draws_by_group


def draw_matrices(matrix: Labels, seed: int | np.random.Generator, draws: int = DRAWS) -> Labels:
    """Resample confusion matrices: the images of each true class (a row) are drawn with replacement.

    Args:
        matrix: (K, K) counts, rows are true classes, columns are predicted classes.
        seed: Random seed, or a generator to use.
        draws: Number of draws.

    Returns:
        (draws, K, K).
    """
    return np.stack(draw_counts(matrix, seed, draws), axis=1)


def draw_sums(table: Values, draws: Iterable[Counts]) -> Values:
    """Return the sums of columns over the images of every draw.

    Args:
        table: (N, M), one row per image.
        draws: Counts from ``draw_images``.

    Returns:
        (draws, M).
    """
    return np.concatenate([counts.T @ table for counts in draws])


def percentiles(draws: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the ends of the 95 % percentile interval along the first axis: (2, ...)."""
    tail = (1 - LEVEL) / 2
    ends: npt.NDArray[np.float64] = np.quantile(draws, (tail, 1 - tail), axis=0)
    return ends


def make_interval(low: float, high: float, method: str) -> Interval:
    """Return an interval in the form stored in ``metrics.json``."""
    return {"low": float(low), "high": float(high), "method": method, "level": LEVEL}


def _count(rows: Labels) -> Counts:
    """Return how often each of n rows is drawn, (n, d), given row numbers (n, d)."""
    d = rows.shape[1]
    return np.bincount((rows * d + np.arange(d)).ravel(), minlength=rows.size).reshape(rows.shape).astype(np.float64)
