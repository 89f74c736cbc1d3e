"""Confidence intervals of scores from the confusion matrix and of means over images. No torch.

An interval says how far a score may be from its value on an infinitely large test set drawn in the same way. It does
not include the variation between seeds, which requires several trainings. ``probability_intervals`` has the intervals
of the other scores; ``benchmarks/coverage.py`` measures the coverage of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import binomtest, kurtosis, norm, skew
from scipy.stats import t as student_t

from fer_plugins.metrics.confusion import Matrix, class_rates, macro_scores
from fer_plugins.metrics.resampling import LEVEL, Interval, make_interval

Values = npt.NDArray[np.float64]
DELTA, SQUARE_AND_ADD, HALL = "delta method, logit", "square-and-add of Wilson intervals", "Hall's transformed t"
LEAST_EFFECTIVE = (
    5  # minimum of images / kurtosis; below, a few images decide the mean, and no interval tried covers it
)
Z = float(norm.ppf((1 + LEVEL) / 2))
_STEP = 1e-4  # fraction of an image, for numerical derivatives


def wilson(hits: int, size: int) -> Interval | None:
    """Return the Wilson score interval of the proportion ``hits / size`` (Wilson 1927), or None for ``size`` 0.

    >>> interval = wilson(4693, 7178)
    >>> round(interval["low"], 4), round(interval["high"], 4)
    (0.6427, 0.6647)
    """
    if size == 0:
        return None
    ends = binomtest(hits, size).proportion_ci(confidence_level=LEVEL, method="wilson")
    return make_interval(ends.low, ends.high, "wilson")


def map_ends(interval: Interval | None, rising: Callable[[float], float]) -> Interval | None:
    """Return the interval of an increasing function of a proportion, by mapping both ends; None stays None."""
    return interval and interval | {end: rising(interval[end]) for end in ("low", "high")}


def hold(value: float, interval: Interval) -> Interval:
    """Return the interval, extended to include the value."""
    return interval | {"low": min(interval["low"], value), "high": max(interval["high"], value)}


def logit_ends(
    value: float, error: float, quantile: float = Z, limits: tuple[float, float] = (0.0, 1.0)
) -> tuple[float, float]:
    """Return value +- quantile x standard error on the logit scale between ``limits``, which must enclose the value."""
    least, span = limits[0], limits[1] - limits[0]
    share = (value - least) / span
    half = quantile * error / (span * share * (1 - share))
    return least + span * float(expit(logit(share) - half)), least + span * float(expit(logit(share) + half))


def matrix_intervals(matrix: Matrix) -> dict[str, Interval]:
    """Return the intervals of the scores of ``macro_scores``, with the method named in each metric's entry.

    ``recall`` (``balanced_accuracy``), ``precision`` and ``f1``: square-and-add (Zou and Donner 2008) of the intervals
    of the classes, whose correlations are 0 except for F1 (see ``rate_intervals``). Others: the delta method on the
    logit scale. Its variance is the mean of those for test sets with fixed and with random class counts, because it is
    not known which of them a released test set is. Derivatives are taken at a matrix with one more image in each class
    present, distributed like all images, so that a class that is always or never predicted correctly adds width, too.

    Args:
        matrix: (K, K) counts, rows are true classes, columns are predicted classes.
    """
    present, size = matrix.sum(1) > 0, int(matrix.sum())
    smoothed = _smooth(matrix)
    exact, centre = macro_scores(matrix), macro_scores(smoothed)
    rates, by_class = rate_intervals(matrix), class_rates(matrix)
    intervals = {}
    for name in ("recall", "precision", "f1"):
        values = by_class[name][present]
        intervals_present = [interval for interval, exists in zip(rates[name], present, strict=True) if exists]
        ends = np.array([[i["low"], i["high"]] if i else [0.0, 1.0] for i in intervals_present])
        correlations = _correlate(smoothed, present) if name == "f1" else np.eye(len(values))
        low, high = square_and_add(values, ends, correlations)
        intervals[name] = make_interval(low, high, SQUARE_AND_ADD)
    intervals["balanced_accuracy"] = intervals["recall"]
    effects = influences(lambda counts: np.stack(list(macro_scores(counts).values()), -1), smoothed)
    per_row = smoothed.sum(1, keepdims=True)
    means = (smoothed[..., None] * effects).sum(1) / np.maximum(per_row, 1)
    random = (smoothed[..., None] * effects**2).sum((0, 1)) * size / max(size - 1, 1)
    fixed = (smoothed[..., None] * (effects - means[:, None]) ** 2).sum((0, 1))
    for place, name in enumerate(exact):
        if name in intervals:
            continue
        limits = (-1.0, 1.0) if name in ("kappa", "mcc") else (0.0, 1.0)
        value, error = float(centre[name]), float(np.sqrt((random[place] + fixed[place]) / 2))
        low, high = logit_ends(value, error, limits=limits) if limits[0] < value < limits[1] else (value, value)
        intervals[name] = hold(float(exact[name]), make_interval(low, high, DELTA))
    return intervals


def square_and_add(values: Values, ends: Values, correlations: Values) -> tuple[float, float]:
    """Return the ends of the interval of a mean, given the intervals of its terms (Zou and Donner 2008; Zou 2008).

    The lower end is mean - sqrt(d' R d) / K, with d the distances of the terms from their lower ends and R their
    correlations.

    Args:
        values: (K,) terms, from 0 to 1.
        ends: (K, 2) interval of each term.
        correlations: (K, K) correlations of the terms.
    """
    mean, count = float(values.mean()), len(values)
    below, above = (
        np.sqrt(max(float(d @ correlations @ d), 0.0)) / count for d in (values - ends.T[0], ends.T[1] - values)
    )
    return max(0.0, mean - float(below)), min(1.0, mean + float(above))


def _smooth(matrix: Matrix) -> Values:
    """Return the matrix with one more image in each row that has any, distributed like the errors of all images."""
    size = len(matrix)
    correct = (matrix.trace() + 0.5) / (matrix.sum() + 1)
    wrong = np.broadcast_to(matrix.sum(0) - matrix.diagonal() + 0.5, (size, size)) * (1 - np.eye(size))
    added = (1 - correct) * wrong / np.maximum(wrong.sum(1, keepdims=True), 0.5) + correct * np.eye(size)
    smoothed: Values = matrix + added * (matrix.sum(1) > 0)[:, None]
    return smoothed


def influences(measure: Callable[[Values], Values], counts: Values) -> Values:
    """Return the derivatives of scores with respect to the number of images in each cell; 0 for empty cells.

    Args:
        measure: Function (..., K, K) -> (..., scores).
        counts: (K, K).

    Returns:
        (K, K, scores).
    """
    rows, columns = np.nonzero(counts)
    less = np.repeat(counts[None], len(rows), axis=0)
    less[np.arange(len(rows)), rows, columns] -= _STEP
    change: Values = (measure(counts) - measure(less)) / _STEP
    effects = np.zeros((*counts.shape, change.shape[-1]))
    effects[rows, columns] = change
    return effects


def _correlate(counts: Values, present: npt.NDArray[np.bool_]) -> Values:
    """Return the correlations of the F1 scores of the classes present, by the delta method: (P, P)."""
    effects = influences(lambda matrices: class_rates(matrices)["f1"], counts)[..., present]
    covariance = np.einsum("tp,tpi,tpj->ij", counts, effects, effects)
    deviation = np.sqrt(covariance.diagonal())
    correlations: Values = covariance / np.maximum(np.outer(deviation, deviation), np.finfo(float).tiny)
    return correlations


def rate_intervals(matrix: Matrix) -> dict[str, list[Interval | None]]:
    """Return the intervals of the precision, recall, F1 and specificity of each class.

    Recall, precision and specificity are proportions of counted images and have Wilson's interval; so has an increasing
    function of one proportion, F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN) (Hand, Christen and Kirielle 2021). None
    for an absent class, and for the precision of a class that is never predicted.

    Args:
        matrix: (K, K) counts, rows are true classes, columns are predicted classes.
    """
    total = int(matrix.sum())
    intervals: dict[str, list[Interval | None]] = {name: [] for name in ("precision", "recall", "f1", "specificity")}
    for correct, images, predicted in zip(
        matrix.diagonal().tolist(), matrix.sum(1).tolist(), matrix.sum(0).tolist(), strict=True
    ):
        negatives = total - images
        rates = {
            "precision": wilson(correct, predicted),
            "recall": wilson(correct, images),
            "f1": map_ends(wilson(correct, images + predicted - correct), lambda share: 2 * share / (1 + share)),
            "specificity": wilson(negatives - (predicted - correct), negatives),
        }
        for name, interval in rates.items():
            intervals[name].append(interval if images else None)
    return intervals


def mean_intervals(columns: Mapping[str, Values], label: npt.NDArray[np.int64]) -> dict[str, Interval | None]:
    """Return the intervals of means over images; None ("too few") if a few images decide the mean.

    Student's t after Hall's monotone transformation (1992), which corrects for skewness. The variance is the mean of
    those for test sets with the class counts of this one and with random class counts; a class with one image is
    assumed to vary like all images. There are too few images if their number divided by the kurtosis (3 for a normal
    distribution, 9 for an exponential one) is below ``LEAST_EFFECTIVE``.

    Args:
        columns: Name -> (N,) one finite value per image.
        label: (N,) true classes, N at least 1.
    """
    return {name: _mean_interval(values, label) for name, values in columns.items()}


def _mean_interval(values: Values, label: npt.NDArray[np.int64]) -> Interval | None:
    mean, size = float(values.mean()), len(values)
    if np.ptp(values) < 1e-12 * max(1.0, abs(mean)):
        if size < LEAST_EFFECTIVE:
            return None
        return make_interval(min(mean, values.min()), max(mean, values.max()), HALL)
    if size / kurtosis(values, fisher=False) < LEAST_EFFECTIVE:
        return None
    quantiles = student_t.ppf(((1 + LEVEL) / 2, (1 - LEVEL) / 2), size - 1)
    variance = float(values.var(ddof=1))
    groups = [values[label == k] for k in np.unique(label)]
    within = sum(len(group) * (group.var(ddof=1) if len(group) > 1 else variance) for group in groups) / size
    error = float(np.sqrt((variance + within) / 2 / size))
    slope = float(skew(values)) / np.sqrt(size)
    # T + s T^2 / 3 + s^2 T^3 / 27 + s / 6 is approximately Student's t; this is its inverse, which is T if s is 0.
    shifted = quantiles - slope / 6
    ends = shifted if abs(slope) < 1e-9 else 3 / slope * (np.cbrt(1 + slope * shifted) - 1)
    low, high = mean - ends * error
    least = 0.0 if values.min() >= 0 else -np.inf
    return make_interval(max(least, min(low, mean)), max(high, mean), HALL)
