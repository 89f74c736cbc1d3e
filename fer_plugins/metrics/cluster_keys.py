"""Finds intervals by cluster (subject or sequence) in scores; without numpy, so that claims can be read without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = {"by_subject": "subject", "by_sequence": "sequence"}  # key in metrics.json -> unit


def of_clusters(scores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return ``by_subject`` or ``by_sequence`` of a split's scores; None if it has neither."""
    return next((scores[key] for key in KEYS if scores.get(key)), None)


def interval_of(scores: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the interval of a score that should be reported; None if there is none, or too few subjects for one.

    If images are clustered, it is the interval by subject (or sequence), never the narrower one over images.
    """
    interval: Mapping[str, Any] | None = (of_clusters(scores) or scores.get("intervals") or {}).get(name)
    return interval


def describe_unit(scores: Mapping[str, Any]) -> str:
    """Return the unit of resampling of the intervals returned by ``interval_of``.

    >>> describe_unit({"by_subject": {"unit": "subject", "n": 2, "too_few": {"f1": "2 subjects"}}})
    'by subject (2, too few for some scores)'
    >>> describe_unit({"intervals": {}})
    'over images'
    >>> describe_unit({"intervals": {}, "by_subject": None})
    'over images of one subject'
    """
    clusters = of_clusters(scores)
    if clusters is None:
        alone = next((unit for key, unit in KEYS.items() if key in scores), None)
        return f"over images of one {alone}" if alone else "over images"
    few = ", too few for some scores" if clusters.get("too_few") else ""
    return f"by {clusters['unit']} ({clusters['n']:,}{few})"
