"""Scores of many confusion matrices at once, as needed for a bootstrap. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.int64]  # (K, K): rows are true classes, columns are predicted classes


def macro_scores(matrices: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Compute macro scores of many confusion matrices at once.

    For class c with TP, FP, FN, TN of one-vs-rest: precision TP/(TP+FP), recall TP/(TP+FN), specificity TN/(TN+FP), F1
    2TP/(2TP+FP+FN); 0/0 is 0. Macro scores are unweighted means over the classes with images; ``balanced_accuracy`` is
    the macro recall, and ``NAME_weighted`` the mean weighted by the number of images of each class. ``kappa`` is
    Cohen's (po - pe)/(1 - pe), ``mcc`` the Matthews correlation (Gorodkin 2004); both are 0 for 0/0.

    Args:
        matrices: Counts (..., K, K), rows are true classes, columns are predicted classes.

    Returns:
        Name -> (...) float64 in [0, 1] (``kappa``, ``mcc``: [-1, 1]).
    """
    counts = matrices.astype(np.float64)
    support, predicted = counts.sum(-1), counts.sum(-2)  # (..., K)
    total = support.sum(-1)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    chance = _ratio((support * predicted).sum(-1), total**2)
    rates = class_rates(counts)
    macro = {name: _mean(values, support > 0) for name, values in rates.items()}
    return {
        "balanced_accuracy": macro["recall"],
        **macro,
        **{f"{name}_weighted": _mean(rates[name], support) for name in ("precision", "f1", "specificity")},
        "kappa": _ratio(_ratio(right.sum(-1), total) - chance, 1 - chance),
        "mcc": _ratio(
            right.sum(-1) * total - (support * predicted).sum(-1),
            np.sqrt(np.maximum(0.0, (total**2 - (support**2).sum(-1)) * (total**2 - (predicted**2).sum(-1)))),
        ),
    }


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    share = np.zeros(np.broadcast(above, below).shape)
    np.divide(above, below, out=share, where=below != 0)
    return share


def _mean(values: npt.NDArray[np.float64], weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return _ratio((values * weights).sum(-1), weights.sum(-1))


def class_rates(matrices: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Return precision, recall, F1 and specificity of each class: name -> (..., K)."""
    counts = matrices.astype(np.float64)
    support, predicted = counts.sum(-1), counts.sum(-2)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    negatives = support.sum(-1)[..., None] - support
    return {
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, support),
        "f1": _ratio(2 * right, support + predicted),
        "specificity": _ratio(negatives - (predicted - right), negatives),
    }
