"""Means over images with 95 % intervals, from one value per image and resampled images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.resampling import draw_images, draw_sums, percentiles
from fer_plugins.runtime.seeds import derive

METHOD = "bootstrap over images"

Values = npt.NDArray[np.float64]
Measured = dict[str, Any]  # {"value": float, "low": float, "high": float, "method": str}


def measure_share(hit: npt.NDArray[np.bool_]) -> Measured:
    """Return the fraction of true values in ``hit`` (N,), N at least 1, with its Wilson interval."""
    interval = wilson(int(hit.sum()), len(hit))
    assert interval is not None
    return {"value": float(hit.mean()), "low": interval["low"], "high": interval["high"], "method": "wilson"}


def measure_means(columns: Mapping[str, npt.NDArray[Any]], seed: int) -> dict[str, Measured]:
    """Return the mean of each column (N,) over images, with percentile intervals (Efron and Tibshirani 1993, ch. 13).

    All columns use the same resamples, so that a column of differences gives the interval of a paired difference. A
    column with the same value for all images has an interval of width 0.
    """
    table = np.column_stack([np.asarray(values, dtype=np.float64) for values in columns.values()])
    draws = draw_sums(table, draw_weights(len(table), seed)) / len(table)
    low, high = percentiles(draws)
    means = table.mean(0)
    return {
        name: {"value": float(means[k]), "low": float(low[k]), "high": float(high[k]), "method": METHOD}
        for k, name in enumerate(columns)
    }


def draw_weights(size: int, seed: int) -> Iterator[Values]:
    """Yield how often each of ``size`` images is drawn in each resample, (size, d) at a time, 2,000 in total."""
    return draw_images(size, derive(seed, METHOD))
