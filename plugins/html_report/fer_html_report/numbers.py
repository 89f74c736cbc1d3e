"""Formatting of numbers on the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from fer_plugins.metrics.cluster_keys import interval_of, of_clusters

NONE = "\u2013"  # an en dash


def rate(value: Any, interval: Mapping[str, Any] | None = None, *, sign: str = "") -> str:
    """Format a score with the ends of its interval: "0.6701 [0.6545, 0.6853]"; a dash for a missing score."""
    if not isinstance(value, int | float):
        return NONE
    ends = f" {span(interval, sign=sign)}" if interval else ""
    return f"{value:{sign}.4f}{ends}"


def score(scores: Mapping[str, Any], name: str) -> str:
    """Format a score with its interval, by subject if available; says if there are too few subjects."""
    text = rate(scores.get(name), interval_of(scores, name))
    clusters = of_clusters(scores) or {}
    return f"{text} (too few {clusters['unit']}s)" if name in clusters.get("too_few", {}) and text != NONE else text


def span(interval: Mapping[str, Any] | None, *, sign: str = "", digits: int = 4) -> str:
    """Format the ends of an interval without line break: "[0.6545, 0.6853]"; a dash if there is none."""
    if not interval or interval.get("low") is None or interval.get("high") is None:
        return NONE
    return f"[{interval['low']:{sign}.{digits}f},\u00a0{interval['high']:{sign}.{digits}f}]"


def count(value: Any) -> str:
    """Format a count: "28,709"; a dash if there is none."""
    return f"{value:,}" if isinstance(value, int) else NONE


def duration(seconds: float) -> str:
    """Format a duration: "48 min", "2 h 5 min", "12 s".

    >>> duration(2880.4), duration(7500), duration(12)
    ('48 min', '2 h 5 min', '12 s')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def without_folders(value: Any) -> Any:
    """Shorten every absolute path in a nested value to its last name, since the page is shared with others.

    >>> without_folders(["--data.root", "/home/me/data", "--run.output=/home/me/runs"])
    ['--data.root', 'data', '--run.output=runs']
    """
    if isinstance(value, Mapping):
        return {key: without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(inner) for inner in value]
    if not isinstance(value, str) or "\n" in value:
        return value
    option, equals, path = value.rpartition("=") if value.startswith("--") else ("", "", value)
    return f"{option}{equals}{PurePath(path).name}" if path.startswith(("/", "~")) else value
