"""Scores of the order that probabilities put classes and images in: top-2, ROC and precision-recall areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

if TYPE_CHECKING:
    from fer_plugins.metrics.metrics import Predictions


def score_ranking(predictions: Predictions, classes: Sequence[str]) -> dict[str, Any]:
    """Compute top-2 accuracy and the areas under the ROC and precision-recall curves, each class against the rest.

    Args:
        predictions: of every image of a split, with finite probabilities.
        classes: K names in label order.

    Returns:
        ``top2_accuracy``; ``auroc`` and ``average_precision``, macro over the classes present; ``per_class`` {class:
        {auroc, average_precision}}. None for an absent class, and everywhere if one class is present: without
        negatives there is nothing to rank.
    """
    present = np.unique(predictions.label)
    per_class: dict[str, dict[str, float | None]] = {
        name: {"auroc": None, "average_precision": None} for name in classes
    }
    if len(present) > 1:
        probabilities = torch.from_numpy(predictions.probabilities)
        for k in present:
            ours, own = probabilities[:, k], torch.from_numpy((predictions.label == k).astype(np.int64))
            per_class[classes[k]] = {
                "auroc": float(binary_auroc(ours, own)),
                "average_precision": float(binary_average_precision(ours, own)),
            }
    return {
        "top2_accuracy": _top2(predictions),
        "auroc": _mean_of_known(per_class, "auroc"),
        "average_precision": _mean_of_known(per_class, "average_precision"),
        "per_class": per_class,
    }


def _top2(predictions: Predictions) -> float:
    """Return the share of images whose class is the predicted one or the most probable of the others.

    Among equals the first class is taken, as argmax does: torchmetrics' top_k leaves the order of ties to torch.topk,
    and the scores of a network that says the same of everything would depend on the device.
    """
    others = predictions.probabilities.copy()
    np.put_along_axis(others, predictions.predicted[:, None], -1.0, axis=1)
    return float(((predictions.label == predictions.predicted) | (predictions.label == others.argmax(1))).mean())


def _mean_of_known(per_class: dict[str, dict[str, float | None]], name: str) -> float | None:
    known = [value for row in per_class.values() if (value := row[name]) is not None]
    return float(np.mean(known)) if known else None
