"""Notices a network whose scores are no result: one that says the same of every image, or no numbers at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_plugins.metrics.predictions import Predictions


def find_collapse(predictions: Predictions, classes: Sequence[str]) -> list[str]:
    """Return a sentence for each way in which the network has broken down; empty as a rule.

    Args:
        predictions: of every image of a split.
        classes: names in label order.
    """
    faults = (no_number(predictions), one_class(predictions, classes))
    return [sentence for sentence in faults if sentence]


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


def no_number(predictions: Predictions) -> str | None:
    """Return a sentence when a probability is not a finite number, else None.

    argmax takes NaN for the largest value, so that such a network has an accuracy like any other.
    """
    bad = int((~np.isfinite(predictions.probabilities)).any(1).sum())
    return f"the network gives no finite numbers for {bad:,} of {len(predictions):,} images" if bad else None
