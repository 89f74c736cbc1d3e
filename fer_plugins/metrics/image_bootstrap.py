"""Draws the images of a split anew, each true class for itself (Efron and Tibshirani 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.intervals import DRAWS, Interval, make_interval, percentiles

CELLS = 1_000_000  # counts held at once (8 MB)

Counts = npt.NDArray[np.float64]  # (N, d): how often each of N images is in each of d draws; whole numbers
Labels = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def draw_images(label: Labels, seed: int, draws: int = DRAWS) -> Iterator[Counts]:
    """Yield how often each image is drawn: with replacement among those of its class, whose number stays.

    Args:
        label: (N,) true classes, N at least 1.
        seed: of the draws; the same labels and seed give the same ones, so that scores which ask for them one by one
            are scores of the same images.
        draws: how many in all.

    Yields:
        (N, d) counts with N d at most ``CELLS`` (or d = 1), ``draws`` columns in all.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(label == k) for k in np.unique(label)]
    step = max(1, CELLS // len(label))
    for start in range(0, draws, step):
        d = min(step, draws - start)
        counts = np.empty((len(label), d))
        for rows in members:
            drawn = random.integers(len(rows), size=(len(rows), d))
            counts[rows] = np.bincount((drawn * d + np.arange(d)).ravel(), minlength=drawn.size).reshape(drawn.shape)
        yield counts


def draw_sums(table: Values, label: Labels, seed: int) -> Values:
    """Return the sums of columns over the images of every draw.

    Args:
        table: (N, M), a row an image.
        label: (N,) true classes.
        seed: of the draws.

    Returns:
        (DRAWS, M).
    """
    return np.concatenate([counts.T @ table for counts in draw_images(label, seed)])


def mean_intervals(columns: Mapping[str, Values], label: Labels, seed: int) -> dict[str, Interval]:
    """Return percentile intervals of means over images, all from the same draws.

    A class with one image adds no width, nor does a column whose values are equal within each class.

    Args:
        columns: name -> (N,) one finite value an image.
        label: (N,) true classes, N at least 1.
        seed: of the draws.
    """
    table = np.column_stack(list(columns.values()))
    means = np.array([values.mean() for values in columns.values()])
    # Deviations: the mean of equal values then differs from them by no rounding.
    low, high = percentiles(draw_sums(table - means, label, seed) / len(table))
    return {
        name: make_interval(mean + min(a, 0.0), mean + max(b, 0.0), "stratified bootstrap")
        for name, mean, a, b in zip(columns, means, low, high, strict=True)
    }
