"""Calibration before and after temperature scaling (Guo et al. 2017), fitted on the validation split only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.analysis.network import Network, Split, collect_logits
from fer_plugins.metrics.calibration import (
    HIGHEST,
    LOWEST,
    calibration_error,
    find_gaps,
    fit_temperature,
    mean_loss,
    scale,
    squared_errors,
)
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.probability_intervals import ece_interval
from fer_plugins.metrics.resampling import draw_sums, percentiles
from fer_robustness_tests.measured import METHOD, draw_weights, measure_means

Values = npt.NDArray[np.float64]


def measure_calibration(
    network: Network, split: Split, val: Split, predictions: Predictions, seed: int
) -> dict[str, Any]:
    """Measure calibration error, loss and Brier score before and after temperature scaling, fitted only on ``val``.

    ``predictions`` are those of ``split``; ``seed`` is for the bootstrap.

    Returns:
        ``temperature``, ``at_the_end_of_the_range``, ``fitted_on`` {split, n, loss_before, loss_after}; ``before`` and
        ``after``, each with ``ece``, ``loss`` (nats) and ``brier`` (0 to 2) as defined in ``docs/metrics.md``, and
        ``change`` (after minus before, paired). Intervals: bootstrap over images with fixed T; ``ece`` by
        ``ece_interval``, its change by percentiles.
    """
    logits, val_logits = collect_logits(network, split), collect_logits(network, val)
    temperature = fit_temperature(val_logits, val.labels)
    before, after = (scale(predictions, logits, factor) for factor in (1.0, temperature))
    columns = {}
    for name, scored in (("before", before), ("after", after)):
        columns[f"{name} loss"] = scored.loss
        columns[f"{name} brier"] = squared_errors(scored)
    for name in ("loss", "brier"):
        columns[f"change {name}"] = columns[f"after {name}"] - columns[f"before {name}"]
    figures: dict[str, Any] = {"before": {}, "after": {}, "change": {}}
    for name, value in measure_means(columns, seed).items():
        when, _, score = name.partition(" ")
        figures[when][score] = value
    for when, value in _measure_ece(before, after, seed).items():
        figures[when] = {"ece": value, **figures[when]}
    return {
        "temperature": temperature,
        "at_the_end_of_the_range": not LOWEST * 1.01 < temperature < HIGHEST / 1.01,
        "fitted_on": {
            "part": val.name,
            "n": len(val),
            "loss_before": mean_loss(val_logits, val.labels),
            "loss_after": mean_loss(val_logits / temperature, val.labels),
        },
        **figures,
    }


def _measure_ece(before: Predictions, after: Predictions, seed: int) -> dict[str, dict[str, Any]]:
    figures = {}
    for when, scored in (("before", before), ("after", after)):
        interval = ece_interval(scored, seed)
        figures[when] = {
            "value": calibration_error(scored),
            **{key: interval[key] for key in ("low", "high", "method")},
        }
    low, high = percentiles(_draw_ece(after, seed) - _draw_ece(before, seed))
    change = figures["after"]["value"] - figures["before"]["value"]
    return figures | {"change": {"value": change, "low": float(low), "high": float(high), "method": METHOD}}


def _draw_ece(predictions: Predictions, seed: int) -> Values:
    """Return the calibration error of each resample; within a bin, n (accuracy - confidence) is a sum over images."""
    gaps = find_gaps(predictions)
    errors: Values = np.abs(draw_sums(gaps, draw_weights(len(gaps), seed))).sum(1) / len(gaps)
    return errors
