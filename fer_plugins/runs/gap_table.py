"""The table of the generalisation gap: scores of the training split less those of the split reported on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runtime.print_table import print_table, titled_table


def print_gap(console: Console, reported: str, gap: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a row for each score: the difference in points, and its 95 % interval.

    Args:
        console: prints.
        reported: the other split.
        gap: metric -> difference, see ``metrics.scores.score_differences``.
    """
    table = titled_table(f"generalisation gap: train - {reported}")
    for title, justify in (("score", "left"), ("points", "right"), ("95 % interval", "right")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for metric in SUMMARY:
        if metric in gap:
            points = {key: 100 * gap[metric][key] for key in ("difference", "low", "high")}
            ends = f"{points['low']:+.2f} to {points['high']:+.2f}"
            table.add_row(SUMMARY[metric], f"{points['difference']:+.2f}", ends)
    print_table(console, table)
