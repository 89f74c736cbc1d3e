"""The differences of every metric between two sets of images that share none, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fer_plugins.metrics.differences import Difference
from fer_plugins.metrics.table import METRICS


def score_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Difference]:
    """Return metric -> score of ``first`` less that of ``second``, a share, with its 95 % interval.

    Metrics of probabilities have no test of two sets of images and are left out, as is what is undefined in either set.

    Args:
        first: scores of one set of images, as ``metrics.scores.score`` returns them.
        second: of the other.
    """
    matrices = [np.array(scores["confusion_matrix"], np.int64) for scores in (first, second)]
    return {
        name: entry.difference(*matrices)
        for name, entry in METRICS.items()
        if entry.difference and entry.shown == "table" and None not in (first[name], second[name])
    }
