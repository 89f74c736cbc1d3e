"""Notices a network whose scores are no result: one that says the same of every image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_plugins.evaluate.metrics import Predictions


def one_class(predictions: Predictions, classes: Sequence[str]) -> str | None:
    """Return a sentence when every image is given the same class, else None.

    A split of a single image, or of images that all belong to that class, says nothing about the network.

    Args:
        predictions: of every image of a split.
        classes: names in label order.
    """
    called = np.unique(predictions.predicted)
    if len(called) > 1 or len(np.unique(predictions.label)) < 2:
        return None
    return f"every one of the {len(predictions):,} images is called {classes[int(called[0])]}"
