"""Intervals of means over images: Student's t, corrected for skewness. No torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import kurtosis, skew, t

from fer_plugins.metrics.resampling import LEVEL, Interval, make_interval

FEWEST = 5  # images over kurtosis: below, a handful of images decides the mean, and no interval tried held the truth
METHOD = "Hall's transformed t"

Values = npt.NDArray[np.float64]


def mean_intervals(columns: Mapping[str, Values], label: npt.NDArray[np.int64]) -> dict[str, Interval | None]:
    """Return the intervals of means over images; None ("too few") where a handful of images decides the mean.

    Student's t after Hall's monotone transformation (1992), which takes the skewness out. The variance lies halfway
    between that of test sets with the class counts of this one and that of random class counts; a class with one image
    varies as all images do. There are too few images where their number, divided by the kurtosis (3 of a normal
    distribution, 9 of an exponential one), is below ``FEWEST``.

    Args:
        columns: name -> (N,) one finite value an image.
        label: (N,) true classes, N at least 1.
    """
    return {name: _interval(values, label) for name, values in columns.items()}


def _interval(values: Values, label: npt.NDArray[np.int64]) -> Interval | None:
    mean, size = float(values.mean()), len(values)
    if np.ptp(values) < 1e-12 * max(1.0, abs(mean)):
        return make_interval(min(mean, values.min()), max(mean, values.max()), METHOD) if size >= FEWEST else None
    if size / kurtosis(values, fisher=False) < FEWEST:
        return None
    quantiles = t.ppf(((1 + LEVEL) / 2, (1 - LEVEL) / 2), size - 1)
    variance = float(values.var(ddof=1))
    groups = [values[label == k] for k in np.unique(label)]
    within = sum(len(group) * (group.var(ddof=1) if len(group) > 1 else variance) for group in groups) / size
    error = float(np.sqrt((variance + within) / 2 / size))
    slope = float(skew(values)) / np.sqrt(size)
    # T + s T^2 / 3 + s^2 T^3 / 27 + s / 6 is roughly Student's t; its inverse, which is T where s is 0.
    shifted = quantiles - slope / 6
    ends = shifted if abs(slope) < 1e-9 else 3 / slope * (np.cbrt(1 + slope * shifted) - 1)
    low, high = mean - ends * error
    least = 0.0 if values.min() >= 0 else -np.inf
    return make_interval(max(least, min(low, mean)), max(high, mean), METHOD)
