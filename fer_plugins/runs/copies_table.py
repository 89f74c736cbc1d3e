"""The lines beside the headline scores: the images with a copy in training, and those without, apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from fer_plugins.metrics.copies import copy_groups
from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runtime.print_table import print_table, titled_table

_TITLES = {"without_copies": "without a copy", "with_copies": "with a copy"}


def print_copies(console: Console, split: str, scores: Mapping[str, Any]) -> None:
    """Print the scores of the images with and without a copy in training; nothing where no image has one.

    Args:
        console: such as ``result_console()``.
        split: whose scores they are.
        scores: of the split, with ``copies`` as ``metrics.copies.score_copies`` returns it.
    """
    copies = scores.get("copies")
    if not copies:
        return
    table = titled_table(f"{split}, images with a copy in training apart, with 95 % intervals")
    table.add_column("images")
    table.add_column("n", justify="right")
    for title in SUMMARY.values():
        table.add_column(title, justify="right")
    too_few = copies.get("too_few", {})
    for name, group in {"all": scores, **copy_groups(scores)}.items():
        few = too_few.get(name.removesuffix("_copies"), {})
        cells = (
            "-" if metric in few else _cell(group[metric], (group.get("intervals") or {}).get(metric))
            for metric in SUMMARY
        )
        table.add_row(_TITLES.get(name, name), f"{group['n']:,}", *cells)
    for name in set(_TITLES) - copy_groups(scores).keys():  # one of them, where every image has a copy
        table.add_row(_TITLES[name], "0", *("-" for _ in SUMMARY))
    if copies["difference"]:
        differences = (copies["difference"].get(metric) for metric in SUMMARY)
        cells = (_cell(given and given["difference"], given, "+") for given in differences)
        table.add_row("difference", "", *cells)
    print_table(console, table)
    for name, reasons in too_few.items():
        reason = next(iter(reasons.values()))
        console.print(f"-: too few images {name} a copy to score them: {reason}", style="dim")
    console.print(f"{describe_kinds(copies)}; difference: with a copy less without", style="dim")
    console.print()


def describe_kinds(copies: Mapping[str, Any]) -> str:
    """Say how many images have a copy of which kind: "934 images: 288 exact, 646 near"."""
    if copies["near"] is None:
        return f"{copies['exact']:,} exact copies; near copies were not searched: --data.near_copies on"
    return (
        f"{copies['exact'] + copies['near']:,} images have a copy: {copies['exact']:,} exact, {copies['near']:,} near"
    )


def _cell(value: float | None, interval: Mapping[str, Any] | None, sign: str = "") -> str:
    if value is None:
        return "-"
    ends = f" [{interval['low']:{sign}.3f}, {interval['high']:{sign}.3f}]" if interval else ""
    return f"{value:{sign}.4f}{ends}"
