"""Confidence intervals by cluster: images of a subject, or frames of a sequence, are not independent.

The intervals say how far a score may be from its value on infinitely many other subjects (or sequences); intervals over
images assume independent images and are too narrow if images are clustered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from fer_plugins.metrics.cluster_keys import of_clusters
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.intervals import logit_ends, wilson
from fer_plugins.metrics.resampling import LEVEL, Interval, make_interval

LEAST, LEAST_OF_A_CLASS = 5, 10  # minimum number of clusters for an interval: in total, and showing a class
METHOD = "jackknife by {}, Student's t"

Values = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clusters:
    """The grouping of images into clusters."""

    unit: str  # "subject" or "sequence"
    home: npt.NDArray[np.int64]  # (N,) index of the cluster of each image, from 0
    count: int


def find_clusters(subjects: Names | None, sequences: Names | None) -> Clusters | None:
    """Return the clusters of images: by subject or else by sequence, the first of which groups several images.

    Args:
        subjects: (N,) subject of each image, "" if unknown (the image is then its own cluster); or None.
        sequences: (N,) sequence of each image, "" if unknown (the image is then its own cluster); or None.

    Returns:
        The clusters; None if no subject and no sequence has two images, so that images are the units.
    """
    for unit, names in (("subject", subjects), ("sequence", sequences)):
        if names is None or not (names != "").any():
            continue
        alone = np.char.add("\0", np.arange(len(names)).astype(str))  # unique names that no dataset uses
        _, home = np.unique(np.where(names == "", alone, names), return_inverse=True)
        count = int(home.max()) + 1
        if count < len(names):
            return Clusters(unit, home.astype(np.int64), count)
    return None


def add_up(values: Values, clusters: Clusters) -> Values:
    """Return the sums of values over the images of each cluster: (N, ...) -> (clusters, ...)."""
    sums = np.zeros((clusters.count, *values.shape[1:]))
    np.add.at(sums, clusters.home, values)
    return sums


def count_by_cluster(true: Labels, predicted: Labels, size: int, clusters: Clusters) -> Values:
    """Return the confusion matrix of each cluster, (clusters, K, K), for (N,) true and predicted classes."""
    matrices = np.zeros((clusters.count, size, size))
    np.add.at(matrices, (clusters.home, true, predicted), 1)
    return matrices


def jackknife_error(without: Values) -> float:
    """Return the standard error of a score, given its values without each of the clusters, (clusters,) (Efron 1982)."""
    count = len(without)
    return float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))


def quantile(clusters: int) -> float:
    """Return the two-sided 95 % quantile of Student's t with (number of clusters - 1) degrees of freedom."""
    return float(t.ppf((1 + LEVEL) / 2, clusters - 1))


def matrix_scores(matrices: npt.NDArray[Any]) -> dict[str, Values]:
    """Return the accuracy and ``macro_scores`` of confusion matrices (..., K, K)."""
    correct = np.trace(matrices, axis1=-2, axis2=-1)
    return {"accuracy": correct / np.maximum(matrices.sum((-2, -1)), 1), **macro_scores(matrices)}


def jackknife_interval(
    value: float, without: Values, clusters: Clusters, limits: tuple[float, float]
) -> Interval | None:
    """Return the interval of a score: value +- t standard errors on the logit scale (log scale without upper limit).

    Args:
        value: Score of all images.
        without: (clusters,) scores without the images of each cluster.
        clusters: Clusters of the images.
        limits: Smallest and largest possible value of the score. If the value is at one of them, the interval is
            Wilson's for as many images as there are clusters, or None if the upper limit is infinite.
    """
    error, factor, method = jackknife_error(without), quantile(clusters.count), METHOD.format(clusters.unit)
    least, most = limits
    if not np.isfinite(most):
        if value <= least:
            return None
        half = np.exp(factor * error / value)
        return make_interval(value / half, value * half, method)
    if least < value < most:
        return make_interval(*logit_ends(value, error, factor, limits), method)
    share = wilson(clusters.count if value >= most else 0, clusters.count)
    assert share is not None
    low, high = (least + (most - least) * share[end] for end in ("low", "high"))
    return make_interval(low, high, f"wilson, of {clusters.unit}s")


def too_few(label: npt.NDArray[np.int64], classes: Sequence[str], clusters: Clusters) -> tuple[str, str]:
    """Return why there are too few clusters for all scores, and for averages over classes; "" if there are enough."""
    if clusters.count < LEAST:
        reason = f"{clusters.count} {clusters.unit}s"
        return reason, reason
    shown = np.unique(np.stack([label, clusters.home]), axis=1)[0]
    counts = np.bincount(shown, minlength=len(classes))
    few = [
        f"{name} is shown by {n} {clusters.unit}s"
        for name, n in zip(classes, counts, strict=True)
        if 0 < n < LEAST_OF_A_CLASS
    ]
    return "", few[0] if few else ""


def best_intervals(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the interval to report for each score: by cluster if there is one, else over images."""
    by_cluster = of_clusters(scores) or {}
    return {name: by_cluster.get(name) or interval for name, interval in scores["intervals"].items()}
