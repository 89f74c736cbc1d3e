"""Scores of the images that have a copy in training, and of those that have none, apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.score_differences import score_differences

Status = npt.NDArray[np.str_]  # (N,) of each image "exact", "near" or ""; see data.audit.copy_status


def score_copies(
    predictions: Predictions, status: Status, classes: Sequence[str], *, near_searched: bool
) -> dict[str, Any] | None:
    """Score the images with a copy in training and those without one.

    Args:
        predictions: of every image of a split.
        status: (N,) which of them have a copy.
        classes: K names in label order.
        near_searched: whether near copies were looked for; otherwise those without an identical copy may have one.

    Returns:
        None where no image has a copy. Otherwise ``exact`` and ``near`` (images of each kind; near is None where it was
        not searched), ``without`` and ``with`` (scores as ``metrics.scores.score`` returns them, None where there is no
        such image), and ``difference`` {metric: score of those with a copy less that of those without, as a share, with
        its interval}, None where one of them has no image. Metrics without a test of two sets of images (those of
        probabilities) have no difference.
    """
    from fer_plugins.metrics.scores import score  # imports torch

    copied = status != ""
    if not copied.any():
        return None
    groups = {"without": predictions.choose(~copied), "with": predictions.choose(copied)}
    scores = {name: score(group, list(classes)) if len(group) else None for name, group in groups.items()}
    without, with_copy = scores["without"], scores["with"]
    difference = score_differences(with_copy, without) if without and with_copy else None
    return {
        "exact": int((status == "exact").sum()),
        "near": int((status == "near").sum()) if near_searched else None,
        **scores,
        "difference": difference,
    }


def copy_groups(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return "without_copies" and "with_copies" -> scores, those that there are; {} where no image has a copy."""
    copies = scores.get("copies") or {}
    return {f"{name}_copies": copies[name] for name in ("without", "with") if copies.get(name)}
