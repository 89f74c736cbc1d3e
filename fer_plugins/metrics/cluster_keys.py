"""Where scores hold the intervals by cluster; no numpy, so that claims can be read without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = {"by_subject": "subject", "by_sequence": "sequence"}  # in metrics.json -> unit


def of_clusters(scores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return ``by_subject`` or ``by_sequence`` of a split's scores; None where it has neither."""
    return next((scores[key] for key in KEYS if scores.get(key)), None)
