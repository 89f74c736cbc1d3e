"""Scores of predictions: all metrics of the core and of installed plug-ins, and differences between scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fer_plugins.metrics.differences import Difference
from fer_plugins.metrics.evidence import Evidence
from fer_plugins.metrics.installed import MetricFailed, installed
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.resampling import Interval
from fer_plugins.metrics.table import METRICS, Entry

Scores = dict[str, Any]  # returned by `score` and stored unchanged in metrics.json


def score(predictions: Predictions, classes: Sequence[str], *, intervals: bool = True, seed: int = 0) -> Scores:
    """Compute all scores of a split; ``docs/metrics.md`` defines them.

    The overall precision, recall, F1 and specificity are macro averages: unweighted means over the classes present in
    the labels, where a class that is never predicted has precision 0. (The macro average of torchmetrics also counts a
    class that is absent from the labels but predicted, although its images already count as errors of their true
    classes.) Scores without a denominator are None: all scores of an absent class, and those that need negatives if
    only one class is present.

    Args:
        predictions: Predictions for every image of a split.
        classes: Names of the K classes in label order.
        intervals: Whether to add the 95 % intervals (about 0.25 s for 3,589 images and seven classes, 1.5 s for 28,709
            images; all other scores take 15 and 50 ms).
        seed: Seed of the bootstrap intervals.

    Returns:
        ``n``; each metric of the table by name; ``per_class`` {class: {metrics with a value per class, support}};
        ``confusion_matrix`` (counts, rows are true classes, columns are predicted classes) and
        ``confusion_matrix_shares`` (each row divided by its sum); ``classes``, ``absent_classes``; and ``intervals``,
        by the same names, those of classes under ``per_class``, None for a score that is None. If there are too few
        images for the interval of a mean, ``too_few`` {name: reason}; if a plug-in's metric is left out,
        ``failed_metrics`` {name: reason}. Plain JSON types; rates are fractions.
    """
    evidence = Evidence(predictions, classes, seed)
    offered = installed()
    values = {entry.name: _compute(entry, evidence) for entry in METRICS.values()}
    failed = dict(offered.failed)
    of_plugins = _score_by_plugins(offered.entries, evidence, failed, intervals)
    values |= {name: value for name, (value, _) in of_plugins.items()}
    entries = list(METRICS.values())
    matrix, support, names = evidence.matrix, evidence.support, evidence.classes
    by_class = {
        entry.name: entry.of_class(evidence)
        if evidence.finite or not entry.needs_probabilities
        else [None] * len(names)
        for entry in entries
        if entry.of_class is not None
    }
    scores: Scores = {"n": len(predictions)} | values
    scores |= {
        "per_class": {
            name: {metric: column[k] for metric, column in by_class.items()} | {"support": int(support[k])}
            for k, name in enumerate(names)
        },
        "confusion_matrix": matrix.tolist(),
        "confusion_matrix_shares": [(row / row.sum()).tolist() if row.any() else [None] * len(names) for row in matrix],
        "classes": names,
        "absent_classes": [name for name, images in zip(names, support, strict=True) if not images],
    }
    if intervals:
        scores["intervals"] = {
            entry.name: entry.interval(evidence) if values[entry.name] is not None else None for entry in entries
        } | {name: interval for name, (_, interval) in of_plugins.items()}
        few = [name for name in ("brier", "loss") if evidence.finite and scores["intervals"][name] is None]
        if few:
            scores["too_few"] = dict.fromkeys(few, "a handful of images decides the mean")
        scores["intervals"]["per_class"] = _class_intervals(entries, evidence, values)
    if failed:
        scores["failed_metrics"] = failed
    return scores


def _score_by_plugins(
    entries: Mapping[str, Entry], evidence: Evidence, failed: dict[str, str], intervals: bool
) -> dict[str, tuple[float | None, Interval | None]]:
    """Return the value and the interval of each plug-in's metric; add metrics that fail to ``failed``."""
    plugin_scores: dict[str, tuple[float | None, Interval | None]] = {}
    for name, entry in entries.items():
        try:
            value = _compute(entry, evidence)
            plugin_scores[name] = value, entry.interval(evidence) if intervals and value is not None else None
        except MetricFailed as error:
            failed[name] = str(error)
    return plugin_scores


def _compute(entry: Entry, evidence: Evidence) -> float | None:
    return entry.compute(evidence) if evidence.finite or not entry.needs_probabilities else None


def _class_intervals(entries: Sequence[Entry], evidence: Evidence, values: dict[str, float | None]) -> dict[str, Any]:
    by_class: dict[str, dict[str, Any]] = {name: {} for name in evidence.classes}
    for entry in entries:
        if entry.class_intervals is None:
            continue
        defined = values[entry.name] is not None or not entry.needs_probabilities
        intervals = entry.class_intervals(evidence) if defined else [None] * len(by_class)
        for row, interval in zip(by_class.values(), intervals, strict=True):
            row[entry.name] = interval
    return by_class


def score_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Difference]:
    """Return metric -> score of ``first`` minus that of ``second``, as a fraction, with its 95 % interval.

    Metrics of probabilities have no test for two sets of images and are left out, as are scores that are undefined in
    one of them.
    """
    matrices = [np.array(scores["confusion_matrix"], np.int64) for scores in (first, second)]
    return {
        name: entry.difference(*matrices)
        for name, entry in METRICS.items()
        if entry.difference and entry.shown == "table" and None not in (first[name], second[name])
    }
