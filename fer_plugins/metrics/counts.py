"""Scores that need only the confusion matrix: rates per class, their averages, and agreement beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
    MulticlassSpecificity,
)

from fer_plugins.metrics.intervals import Matrix, macro_scores

RATES = ("precision", "recall", "f1", "specificity")
Labels = npt.NDArray[np.int64]


def score_counts(label: Labels, predicted: Labels, classes: Sequence[str]) -> dict[str, Any]:
    """Compute every score that follows from the confusion matrix; ``docs/metrics.md`` has the formulas.

    Args:
        label: (N,) true classes, at least one.
        predicted: (N,) classes that the network says.
        classes: K names in label order.

    Returns:
        ``accuracy, balanced_accuracy``; ``precision, recall, f1, specificity``, macro over the classes present, and
        the same with ``_weighted`` and ``_micro`` behind them; ``kappa, mcc``; ``per_class`` {class: {the four rates,
        support}}; ``confusion_matrix`` (counts, rows true, columns predicted) and ``confusion_matrix_shares`` (each
        row divided by its sum); ``classes``; ``absent_classes``. Rates are fractions; None has no denominator.
    """
    names = list(classes)
    each: dict[str, Any] = {"num_classes": len(names), "average": "none"}
    metrics = MetricCollection(
        {
            "accuracy": MulticlassAccuracy(num_classes=len(names), average="micro"),
            "precision": MulticlassPrecision(**each),
            "recall": MulticlassRecall(**each),
            "f1": MulticlassF1Score(**each),
            "specificity": MulticlassSpecificity(**each),
            "confusion_matrix": MulticlassConfusionMatrix(num_classes=len(names)),
        }
    ).set_dtype(torch.float64)  # counts divide exactly as k/n only in double precision
    metrics.update(torch.from_numpy(predicted), torch.from_numpy(label))
    values: dict[str, npt.NDArray[np.float64]] = {name: value.numpy() for name, value in metrics.compute().items()}
    matrix: Matrix = values["confusion_matrix"].astype(np.int64)
    support = matrix.sum(1)
    present = np.flatnonzero(support)
    accuracy = float(values["accuracy"])
    macro = {name: float(values[name][present].mean()) for name in RATES}
    scores: dict[str, Any] = {
        "accuracy": accuracy,
        "balanced_accuracy": macro["recall"],
        **macro,
        **{f"{name}_weighted": float(np.average(values[name], weights=support)) for name in RATES},
        # An image that is called wrongly is one false positive and one false negative: N (1 - accuracy) of either, in
        # N (K - 1) decisions on a class that is not the image's.
        **{f"{name}_micro": accuracy for name in ("precision", "recall", "f1")},
        "specificity_micro": 1 - (1 - accuracy) / (len(names) - 1),
        **_agreement(matrix),
    }
    per_class: dict[str, dict[str, float | int | None]] = {}
    for k, name in enumerate(names):
        per_class[name] = {rate: float(values[rate][k]) if support[k] else None for rate in RATES}
        per_class[name]["support"] = int(support[k])
    if len(present) < 2:  # no image of another class: no negatives
        scores |= {"specificity": None, "specificity_weighted": None}
        for row in per_class.values():
            row["specificity"] = None
    return scores | {
        "per_class": per_class,
        "confusion_matrix": matrix.tolist(),
        "confusion_matrix_shares": [(row / row.sum()).tolist() if row.any() else [None] * len(names) for row in matrix],
        "classes": names,
        "absent_classes": [name for name, images in zip(names, support, strict=True) if not images],
    }


def _agreement(matrix: Matrix) -> dict[str, float | None]:
    """Return Cohen's kappa and the Matthews correlation; None where they are 0/0.

    Not torchmetrics', which computes both in single precision and, of two classes, replaces 0/0 by a small number.
    """
    values = macro_scores(matrix)
    true, predicted = (np.count_nonzero(matrix.sum(axis)) for axis in (1, 0))
    return {
        "kappa": None if true == predicted == 1 and matrix.trace() else float(values["kappa"]),
        "mcc": None if min(true, predicted) == 1 else float(values["mcc"]),
    }
