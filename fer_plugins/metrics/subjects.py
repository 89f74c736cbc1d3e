"""Intervals over subjects: images of one person are alike, so that fewer things were measured than images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.resampling import draw_images, draw_sums, make_interval, percentiles

_METRICS = ("balanced_accuracy", "f1", "kappa")


def subject_intervals(predictions: Predictions, subjects: npt.NDArray[np.str_], size: int) -> dict[str, Any] | None:
    """Return intervals of a bootstrap that draws whole subjects (Davison and Hinkley 1997, section 3.8).

    They say how far a score may lie from its value on endlessly many other people; those over images suppose that the
    images of a person are independent, and are then too narrow.

    Args:
        predictions: of every image of a split.
        subjects: (N,) who each image is of.
        size: K, the number of classes.

    Returns:
        ``n`` subjects, and the intervals of ``accuracy``, ``balanced_accuracy``, ``f1`` and ``kappa``. None with fewer
        than two subjects.
    """
    people = len(np.unique(subjects))
    if people < 2:
        return None
    cells = np.eye(size * size)[predictions.label * size + predictions.predicted]  # (N, K^2): an image's place
    drawn = draw_sums(cells, draw_images(len(predictions), 0, clusters=subjects)).reshape(-1, size, size)
    hits = np.trace(drawn, axis1=1, axis2=2) / drawn.sum((1, 2))
    macro = macro_scores(drawn)
    values = {"accuracy": hits, **{name: macro[name] for name in _METRICS}}
    ends = {name: percentiles(one) for name, one in values.items()}
    return {"n": people} | {
        name: make_interval(low, high, "bootstrap of subjects") for name, (low, high) in ends.items()
    }
