"""Intervals of the scores of probabilities: areas under curves, loss, Brier score, calibration error.

All come from the same draws of the images. ``docs/metrics.md`` has the coverage that each was measured to have.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from fer_plugins.metrics.calibration import find_gaps, squared_errors
from fer_plugins.metrics.curve_areas import CurveAreas
from fer_plugins.metrics.image_bootstrap import Values, draw_images, draw_sums, mean_intervals
from fer_plugins.metrics.intervals import LEVEL, Interval, make_interval, percentiles

if TYPE_CHECKING:
    from fer_plugins.metrics.metrics import Predictions, Scores

FEW = 30  # images of a class, or of all others: below, a bootstrap knows too little of the images it has not seen
_Z = float(norm.ppf((1 + LEVEL) / 2))


def probability_intervals(predictions: Predictions, scores: Scores, seed: int = 0) -> dict[str, Any]:
    """Return the intervals of ``loss, brier, ece, auroc, average_precision``, the last two also under ``per_class``.

    Args:
        predictions: of every image of a split.
        scores: of them, as ``score`` returns them; a score that is None has the interval None, and so have all of
            these if a probability is no finite number.
        seed: of the draws.
    """
    names = scores["classes"]
    areas = ("auroc", "average_precision")
    found: dict[str, Any] = dict.fromkeys(("loss", "brier", "ece", *areas))
    found["per_class"] = {name: dict.fromkeys(areas) for name in names}
    if scores["brier"] is None:
        return found
    columns = {"loss": predictions.loss, "brier": squared_errors(predictions)}
    found |= mean_intervals(columns, predictions.label, seed)
    found["ece"] = _hold(scores["ece"], ece_interval(predictions, seed))
    if scores["auroc"] is None:
        return found
    curves = CurveAreas(predictions.probabilities, predictions.label)
    seen = curves.compute(np.ones((len(predictions), 1)))
    drawn = [curves.compute(counts) for counts in draw_images(predictions.label, seed)]
    support = np.bincount(predictions.label)[curves.present]
    images = np.minimum(support, len(predictions) - support)
    for place, area in enumerate(areas):
        values, draws = seen[place][:, 0], np.concatenate([one[place] for one in drawn], axis=1)
        each = [_area_interval(*one) for one in zip(values, draws, images, strict=True)]
        for k, interval in zip(curves.present, each, strict=True):
            found["per_class"][names[k]][area] = _hold(scores["per_class"][names[k]][area], interval)
        found[area] = _hold(scores[area], _macro_interval(values, draws, each))
    return found


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
    deviations = draw_sums(gaps, predictions.label, seed) / size - sums  # (DRAWS, BINS)
    signed = deviations * np.sign(sums)
    far = np.abs(sums) > math.sqrt(math.log(size)) * deviations.std(0)
    most = np.where(far, signed, np.abs(deviations)).sum(1)
    low, high = value - percentiles(most)[1], value - percentiles(signed.sum(1))[0]
    return make_interval(max(0.0, float(low)), min(1.0, float(high)), "stratified bootstrap of the bins")


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
