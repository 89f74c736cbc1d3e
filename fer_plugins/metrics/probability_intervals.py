"""Intervals of the areas under curves and of the calibration error.

``docs/metrics.md`` has the coverage that each was measured to have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from fer_plugins.metrics.calibration import calibration_error, find_gaps
from fer_plugins.metrics.curve_areas import CurveAreas
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.resampling import (
    LEVEL,
    Interval,
    Values,
    draw_images,
    draw_sums,
    make_interval,
    percentiles,
)

FEW = 30  # images of a class, or of all others: below, a bootstrap knows too little of the images it has not seen
_Z = float(norm.ppf((1 + LEVEL) / 2))


def area_intervals(
    predictions: Predictions, areas: Mapping[str, Sequence[float | None]], seed: int = 0
) -> dict[str, tuple[Interval, list[Interval | None]]]:
    """Return the intervals of ``auroc`` and ``average_precision``, all from the same draws.

    Args:
        predictions: of a split in which two classes are present, with finite probabilities.
        areas: both names -> the area of each class, (K,), None for an absent one; the intervals hold these.
        seed: of the draws.

    Returns:
        Name -> the interval of the mean over the classes present, and that of each class, (K,).
    """
    curves = CurveAreas(predictions.probabilities, predictions.label)
    seen = curves.compute(np.ones((len(predictions), 1)))
    counted = draw_images(len(predictions), seed, strata=predictions.label)
    drawn = [np.concatenate(some, axis=1) for some in zip(*map(curves.compute, counted), strict=True)]
    support = np.bincount(predictions.label)[curves.present]
    images = np.minimum(support, len(predictions) - support)
    intervals = {}
    for name, exact, draws in zip(("auroc", "average_precision"), seen, drawn, strict=True):
        each = [_area_interval(*of_class) for of_class in zip(exact[:, 0], draws, images, strict=True)]
        by_class: list[Interval | None] = [None] * len(areas[name])
        known = []
        for k, interval in zip(curves.present, each, strict=True):
            value = areas[name][k]
            assert value is not None
            by_class[k] = _hold(value, interval)
            known.append(value)
        intervals[name] = _hold(float(np.mean(known)), _macro_interval(exact[:, 0], draws, each)), by_class
    return intervals


def ece_interval(predictions: Predictions, seed: int) -> Interval:
    """Return the interval of the calibration error, the sum over bins of abs(D_b), D_b the bin's mean gap over images.

    Resampling adds to a distance from 0, as sampling has done before it, so that percentiles nearly always leave out
    the true value of a well calibrated network. With h_b the deviation of D_b in a draw, the error of the score is h_b
    times the sign of D_b in a bin that is far from 0, and at most abs(h_b) in any other. A bin is far from 0 if
    abs(D_b) is above sqrt(ln N) standard deviations (the threshold of Andrews and Soares 2010). The lower end takes
    abs(h_b) in the other bins, the upper end the signed deviations throughout: the directional derivative of the sum
    (Fang and Santos 2019), on the safe side at either end. The score lies inside.

    Args:
        predictions: of every image of a split, with finite probabilities.
        seed: of the draws.
    """
    gaps, size = find_gaps(predictions), len(predictions)
    sums = gaps.sum(0) / size
    value = float(np.abs(sums).sum())
    drawn = draw_images(size, seed, strata=predictions.label)
    deviations = draw_sums(gaps, drawn) / size - sums  # (DRAWS, BINS)
    signed = deviations * np.sign(sums)
    far = np.abs(sums) > math.sqrt(math.log(size)) * deviations.std(0)
    most = np.where(far, signed, np.abs(deviations)).sum(1)
    low, high = value - percentiles(most)[1], value - percentiles(signed.sum(1))[0]
    interval = make_interval(max(0.0, float(low)), min(1.0, float(high)), "stratified bootstrap of the bins")
    return _hold(calibration_error(predictions), interval)


def _area_interval(value: float, draws: Values, images: int) -> Interval:
    """Return the interval of one class's area.

    On the logit scale: value +- z sd / (value (1 - value)), sd that of the draws. Percentiles of the draws lie too
    high: near 1 they are cut off, and the average precision of a draw gains by images that it holds twice.
    With fewer than ``FEW`` images, or where no other image was ever ranked wrongly, Wilson's interval of a share of
    the class's images (or of the others, whichever are fewer): both areas are means over the class's images of a
    number from 0 to 1, and none of these has more variance than hit or miss (cf. Boyd, Eng and Page 2013).
    """
    if images < FEW or not 0 < value < 1:
        low, high = proportion_confint(value * images, images, alpha=1 - LEVEL, method="wilson")
        return make_interval(low, high, "wilson, of the fewer images")
    return make_interval(*_logit_ends(value, draws), "logit, stratified bootstrap")


def _macro_interval(values: Values, draws: Values, each: list[Interval]) -> Interval:
    """Return the interval of the mean of the classes' areas, on the logit scale.

    Where a class has Wilson's interval, its draws say too little. Then the wider one at either end of this and of
    square-and-add, mean - sqrt(sum (value - low)^2) / P and the same above (Zou and Donner 2008), which joins the
    classes' own intervals as if they were independent.
    """
    mean = float(values.mean())
    low, high = _logit_ends(mean, draws.mean(0)) if 0 < mean < 1 else (mean, mean)
    if all(one["method"].startswith("logit") for one in each):
        return make_interval(low, high, "logit, stratified bootstrap")
    below, above = (math.hypot(*(values - [one[end] for one in each])) / len(values) for end in ("low", "high"))
    return make_interval(
        max(0.0, min(low, mean - below)),
        min(1.0, max(high, mean + above)),
        "logit, stratified bootstrap; square-and-add",
    )


def _logit_ends(value: float, draws: Values) -> tuple[float, float]:
    half = _Z * float(draws.std(ddof=1)) / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def _hold(value: float, interval: Interval) -> Interval:
    """Return the interval with the value in it, which torchmetrics has rounded to single precision."""
    return interval | {"low": min(interval["low"], value), "high": max(interval["high"], value)}
