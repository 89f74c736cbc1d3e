"""Confidence intervals by cluster (subject or sequence) for every metric of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fer_plugins.metrics.calibration import squared_errors
from fer_plugins.metrics.cluster_keys import KEYS
from fer_plugins.metrics.clusters import (
    Clusters,
    Names,
    Values,
    add_up,
    count_by_cluster,
    find_clusters,
    jackknife_interval,
    too_few,
)
from fer_plugins.metrics.clusters import matrix_scores as scores_of
from fer_plugins.metrics.curve_areas import CurveAreas
from fer_plugins.metrics.intervals import map_ends
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.resampling import CELLS
from fer_plugins.metrics.table import METRICS

_OF_ALL = ("accuracy", "brier", "loss")  # scores that are not averages over classes


def score_clusters(
    predictions: Predictions, classes: Sequence[str], subjects: Names | None, sequences: Names | None
) -> dict[str, Any]:
    """Return confidence intervals by subject or by sequence, if some of them have several images.

    Each score is recomputed without the images of one cluster at a time (delete-a-group jackknife).

    Args:
        predictions: Predictions for every image of a split.
        classes: Names of the K classes in label order.
        subjects: (N,) subject of each image; None or "" if unknown.
        sequences: (N,) sequence of each image; None or "" if unknown.

    Returns:
        {} if no two images share a subject or sequence; else {"by_subject" or "by_sequence": {``unit``, ``n`` (number
        of clusters), metric: interval or None, ``too_few`` {metric: reason}}}, with the value None for a single
        cluster.
    """
    clusters = find_clusters(subjects, sequences)
    if clusters is None:
        return {}
    key = next(key for key, unit in KEYS.items() if unit == clusters.unit)
    if clusters.count < 2:
        return {key: None}
    of_all, of_classes = too_few(predictions.label, classes, clusters)
    intervals: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    values = {} if of_all else _without_each(predictions, len(classes), clusters, areas=not of_classes)
    for name in ("accuracy", *scores_of(np.eye(2)), "auroc", "average_precision", "brier", "loss"):
        if name in intervals:
            continue
        reason = of_all if name in _OF_ALL else of_classes
        if reason:
            reasons[name] = reason
        defined = not reason and name in values and np.isfinite(values[name][0])
        intervals[name] = jackknife_interval(*values[name], clusters, METRICS[name].range) if defined else None
    share, further = intervals["accuracy"], len(classes) - 1
    intervals |= dict.fromkeys(("recall_weighted", "precision_micro", "recall_micro", "f1_micro"), share)
    intervals["specificity_micro"] = map_ends(share, lambda accuracy: 1 - (1 - accuracy) / further)
    return {key: {"unit": clusters.unit, "n": clusters.count, **intervals, "too_few": reasons}}


def _without_each(
    predictions: Predictions, size: int, clusters: Clusters, *, areas: bool
) -> dict[str, tuple[float, Values]]:
    """Return score -> (value on all images, values without each of the clusters)."""
    images = add_up(np.ones(len(predictions)), clusters)
    matrices = count_by_cluster(predictions.label, predictions.predicted, size, clusters)
    total = matrices.sum(0)
    full, reduced = scores_of(total), scores_of(total - matrices)
    values = {name: (float(full[name]), reduced[name]) for name in full}
    means = {"loss": predictions.loss, "brier": squared_errors(predictions)}
    for name, column in means.items():
        reduced_means = (column.sum() - add_up(column, clusters)) / np.maximum(len(predictions) - images, 1)
        values[name] = float(column.mean()), reduced_means
    if areas and np.isfinite(predictions.probabilities).all() and np.count_nonzero(total.sum(1)) > 1:
        curves = CurveAreas(predictions.probabilities, predictions.label)
        exact = curves.compute(np.ones((len(predictions), 1)))
        step = max(1, CELLS // len(predictions))
        starts = range(0, clusters.count, step)
        numbers = [np.arange(start, min(start + step, clusters.count)) for start in starts]
        parts = [curves.compute((clusters.home[:, None] != left_out).astype(float)) for left_out in numbers]
        for place, name in enumerate(("auroc", "average_precision")):
            reduced_means = np.concatenate([part[place].mean(0) for part in parts])
            values[name] = float(exact[place].mean()), reduced_means
    return values
