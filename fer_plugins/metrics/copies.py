"""Separate scores for images with a copy in the training split and images without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.table import METRICS

# Scores of smaller groups are not meaningful: with fewer than ten images, each image changes a rate by more than ten
# points, and in a bootstrap by class, a class with one image adds no width, so that the interval is too narrow.
LEAST_IMAGES, LEAST_OF_A_CLASS = 10, 5
Status = npt.NDArray[np.str_]  # (N,) "exact", "near" or "" for each image; see data.copies.copy_status


def score_copies(
    predictions: Predictions, status: Status, classes: Sequence[str], *, near_searched: bool
) -> dict[str, Any] | None:
    """Score the images with a copy in the training split and those without one.

    Args:
        predictions: Predictions for every image of a split.
        status: (N,) kind of copy of each image.
        classes: Names of the K classes in label order.
        near_searched: Whether near copies were searched; if not, images without an identical copy may have a near copy.

    Returns:
        None if no image has a copy. Else ``exact`` and ``near`` (number of images of each kind; ``near`` is None if not
        searched), ``without`` and ``with`` (scores as returned by ``metrics.scores.score``, None if there are no such
        images), and ``difference`` {metric: score of images with a copy minus score of those without, as a fraction,
        with its interval}, or None if no metric has one. Metrics of probabilities, which have no test for two sets of
        images, have no difference. ``too_few`` {"without" or "with": {metric: reason}} names the scores that are not
        meaningful and have no difference: all scores of a group of fewer than ``LEAST_IMAGES`` images, and macro scores
        if a class of the split has fewer than ``LEAST_OF_A_CLASS`` images in the group.
    """
    from fer_plugins.metrics.scores import score, score_differences  # imports torch

    copied = status != ""
    if not copied.any():
        return None
    groups = {"without": predictions.choose(~copied), "with": predictions.choose(copied)}
    scores = {name: score(group, list(classes)) if len(group) else None for name, group in groups.items()}
    without, with_copy = scores["without"], scores["with"]
    present = np.bincount(predictions.label, minlength=len(classes)) > 0
    too_few = {
        name: _too_few(np.bincount(group.label, minlength=len(classes)), present, classes)
        for name, group in groups.items()
        if len(group)
    }
    difference: dict[str, Any] | None = None
    if without and with_copy:
        excluded = {name for reasons in too_few.values() for name in reasons}
        differences = score_differences(with_copy, without)
        difference = {name: value for name, value in differences.items() if name not in excluded}
    return {
        "exact": int((status == "exact").sum()),
        "near": int((status == "near").sum()) if near_searched else None,
        **scores,
        "difference": difference or None,
        "too_few": {name: reasons for name, reasons in too_few.items() if reasons},
    }


def _too_few(support: npt.NDArray[np.int64], present: npt.NDArray[np.bool_], classes: Sequence[str]) -> dict[str, str]:
    """Return metric -> reason why it is not meaningful for a group.

    Args:
        support: (K,) number of images of each class in the group.
        present: (K,) whether the split has images of the class.
        classes: Names of the K classes.
    """
    if support.sum() < LEAST_IMAGES:
        return dict.fromkeys(METRICS, f"fewer than {LEAST_IMAGES} images")
    scarce = [name for name, few in zip(classes, present & (support < LEAST_OF_A_CLASS), strict=True) if few]
    if not scarce:
        return {}
    reason = f"fewer than {LEAST_OF_A_CLASS} images of {', '.join(scarce)}"
    macro = [name for name, entry in METRICS.items() if entry.average == "macro" or name == "balanced_accuracy"]
    return dict.fromkeys(macro, reason)


def copy_groups(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return "without_copies" and "with_copies" -> scores, if present; {} if no image has a copy."""
    copies = scores.get("copies") or {}
    return {f"{name}_copies": copies[name] for name in ("without", "with") if copies.get(name)}


def find_too_few(scores: Mapping[str, Any], group: str) -> Mapping[str, str]:
    """Return metric -> reason why it is not meaningful for a group of ``copy_groups``; {} if all scores are.

    >>> find_too_few({"copies": {"too_few": {"with": {"f1": "fewer than 5 images of sad"}}}}, "with_copies")
    {'f1': 'fewer than 5 images of sad'}
    >>> find_too_few({"accuracy": 0.5}, "with_copies")
    {}
    """
    too_few: Mapping[str, Mapping[str, str]] = (scores.get("copies") or {}).get("too_few") or {}
    return too_few.get(group.removesuffix("_copies"), {})
