"""Numbers as the page writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from fer_plugins.metrics.cluster_keys import interval_of, of_clusters

NONE = "\u2013"  # an en dash


def rate(value: Any, interval: Mapping[str, Any] | None = None, *, sign: str = "") -> str:
    """Write a score, with the ends of its interval: "0.6701 [0.6545, 0.6853]"; a dash where there is none."""
    if not isinstance(value, int | float):
        return NONE
    ends = f" {span(interval, sign=sign)}" if interval else ""
    return f"{value:{sign}.4f}{ends}"


def score(scores: Mapping[str, Any], name: str) -> str:
    """Write a score with its interval, by subject where there is one; says so where there are too few subjects."""
    text = rate(scores.get(name), interval_of(scores, name))
    clusters = of_clusters(scores) or {}
    return f"{text} (too few {clusters['unit']}s)" if name in clusters.get("too_few", {}) and text != NONE else text


def span(interval: Mapping[str, Any] | None, *, sign: str = "", digits: int = 4) -> str:
    """Write the ends of an interval, which no line breaks: "[0.6545, 0.6853]"; a dash where there is none."""
    if not interval or interval.get("low") is None or interval.get("high") is None:
        return NONE
    return f"[{interval['low']:{sign}.{digits}f},\u00a0{interval['high']:{sign}.{digits}f}]"


def count(value: Any) -> str:
    """Write a number of things: "28,709"; a dash where there is none."""
    return f"{value:,}" if isinstance(value, int) else NONE


def duration(seconds: float) -> str:
    """Write a time: "48 min", "2 h 5 min", "12 s".

    >>> duration(2880.4), duration(7500), duration(12)
    ('48 min', '2 h 5 min', '12 s')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def without_folders(value: Any) -> Any:
    """Return a nested value with every absolute path cut to its last name: a page goes to people outside.

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
