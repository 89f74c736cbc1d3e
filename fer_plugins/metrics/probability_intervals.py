"""Confidence intervals of the areas under curves and of the calibration error.

``docs/metrics.md`` has the measured coverage of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, t
from statsmodels.stats.proportion import proportion_confint

from fer_plugins.metrics.calibration import calibration_error, find_gaps
from fer_plugins.metrics.curve_areas import CurveAreas
from fer_plugins.metrics.intervals import hold, logit_ends, square_and_add
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

FEW = 3  # minimum effective number of wrongly ranked images; with fewer, the bootstrap is not reliable
_LOGIT = "logit, Student's t"


def area_intervals(
    predictions: Predictions, areas: Mapping[str, Sequence[float | None]], seed: int = 0
) -> dict[str, tuple[Interval, list[Interval | None]]]:
    """Return the intervals of ``auroc`` and ``average_precision``, based on the same bootstrap samples.

    Args:
        predictions: Predictions for a split in which two classes are present, with finite probabilities.
        areas: Both names -> area of each class, (K,), None for an absent class; the intervals include these values.
        seed: Seed of the bootstrap.

    Returns:
        Name -> interval of the mean over the classes present, and interval of each class, (K,).
    """
    curves = CurveAreas(predictions.probabilities, predictions.label)
    observed = curves.compute(np.ones((len(predictions), 1)))
    counted = draw_images(len(predictions), seed, strata=predictions.label)
    draws_by_area = [np.concatenate(some, axis=1) for some in zip(*map(curves.compute, counted), strict=True)]
    chosen = [predictions.label == k for k in curves.present]
    images = [min(int(own.sum()), int((~own).sum())) for own in chosen]
    effective = [
        _count_carriers(predictions.probabilities[:, k], own) for k, own in zip(curves.present, chosen, strict=True)
    ]
    intervals = {}
    for name, exact, draws in zip(("auroc", "average_precision"), observed, draws_by_area, strict=True):
        by_present = [_area_interval(*of_class) for of_class in zip(exact[:, 0], draws, images, effective, strict=True)]
        by_class: list[Interval | None] = [None] * len(areas[name])
        values = []
        for k, interval in zip(curves.present, by_present, strict=True):
            value = areas[name][k]
            assert value is not None
            by_class[k] = hold(value, interval)
            values.append(value)
        intervals[name] = (
            hold(float(np.mean(values)), _macro_interval(exact[:, 0], draws, by_present, effective)),
            by_class,
        )
    return intervals


def ece_interval(predictions: Predictions, seed: int) -> Interval:
    """Return the interval of the calibration error, the sum over bins of abs(D_b), with D_b the bin's mean gap.

    Resampling increases distances from 0, as sampling has done before, so percentiles almost never include the true
    value of a well-calibrated network. With h_b the deviation of D_b in a draw, the error of the score is h_b times the
    sign of D_b for a bin that is far from 0, and at most abs(h_b) for any other bin. A bin is far from 0 if abs(D_b) is
    above sqrt(ln N) standard deviations (the threshold of Andrews and Soares 2010). The lower end uses abs(h_b) for the
    other bins, the upper end the signed deviations of all bins: the directional derivative of the sum (Fang and Santos
    2019), on the conservative side at both ends. The interval includes the score.

    Args:
        predictions: Predictions for every image of a split, with finite probabilities.
        seed: Seed of the bootstrap.
    """
    gaps, size = find_gaps(predictions), len(predictions)
    sums = gaps.sum(0) / size
    value = float(np.abs(sums).sum())
    counts = draw_images(size, seed, strata=predictions.label)
    deviations = draw_sums(gaps, counts) / size - sums  # (DRAWS, BINS)
    signed = deviations * np.sign(sums)
    distant = np.abs(sums) > math.sqrt(math.log(size)) * deviations.std(0)
    most = np.where(distant, signed, np.abs(deviations)).sum(1)
    low, high = value - percentiles(most)[1], value - percentiles(signed.sum(1))[0]
    interval = make_interval(max(0.0, float(low)), min(1.0, float(high)), "stratified bootstrap of the bins")
    return hold(calibration_error(predictions), interval)


def _count_carriers(probability: Values, own: npt.NDArray[np.bool_]) -> float:
    """Return the effective number of wrongly ranked images, (sum f)^2 / sum f^2 over the smaller group.

    f is the fraction of the other group with respect to which an image is ranked wrongly (or rightly, if that is
    rarer). The result is the number of images if all have the same f, and one if a single image has all the errors.
    """
    if 2 * own.sum() > len(own):
        probability, own = -probability, ~own
    faults = 1 - (rankdata(probability)[own] - rankdata(probability[own])) / (~own).sum()
    faults = faults if faults.mean() <= 0.5 else 1 - faults
    return float(faults.sum() ** 2 / max((faults**2).sum(), np.finfo(float).tiny))


def _area_interval(value: float, draws: Values, images: int, effective: float) -> Interval:
    """Return the interval of the area of one class.

    On the logit scale: value +- t sd / (value (1 - value)), with sd the standard deviation of the draws and t Student's
    with as many degrees of freedom as there are effectively wrongly ranked images, minus one, because only these
    determine the sd. Percentiles of the draws are too high: near 1 they are cut off, and the average precision of a
    draw increases with images that it contains twice. With fewer than ``FEW`` such images, it is Wilson's interval of a
    proportion of the class's images (or of the others, if they are fewer): both areas are means over the class's images
    of a number from 0 to 1, whose variance is at most that of a binary variable (cf. Boyd, Eng and Page 2013). It is
    wider than necessary.
    """
    if effective < FEW or not 0 < value < 1:
        low, high = proportion_confint(value * images, images, alpha=1 - LEVEL, method="wilson")
        return make_interval(max(0.0, low), min(1.0, high), "wilson, of the fewer images")  # rounding may exceed them
    return make_interval(*logit_ends(value, float(draws.std(ddof=1)), _quantile(effective - 1)), _LOGIT)


def _macro_interval(values: Values, draws: Values, intervals: list[Interval], effective: list[float]) -> Interval:
    """Return the interval of the mean of the classes' areas, on the logit scale.

    The degrees of freedom are combined using the variances of the classes (Satterthwaite 1946). If a class has Wilson's
    interval, its draws are not informative enough, and each end is the wider one of this interval and of
    square-and-add, which combines the intervals of the classes as if they were independent.
    """
    mean, variances = float(values.mean()), draws.var(1)
    freedom = variances.sum() ** 2 / max((variances**2 / np.maximum(np.array(effective) - 1, 1)).sum(), 1e-300)
    error = float(draws.mean(0).std(ddof=1))
    low, high = logit_ends(mean, error, _quantile(freedom)) if 0 < mean < 1 else (mean, mean)
    if all(interval["method"] == _LOGIT for interval in intervals):
        return make_interval(low, high, _LOGIT)
    ends = np.array([[interval["low"], interval["high"]] for interval in intervals])
    below, above = square_and_add(values, ends, np.eye(len(values)))
    return make_interval(min(low, below), max(high, above), f"{_LOGIT}; square-and-add")


def _quantile(freedom: float) -> float:
    return float(t.ppf((1 + LEVEL) / 2, max(freedom, 1.0)))
