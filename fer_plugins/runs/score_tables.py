"""Tables in addition to the overall scores: copies in training, majority of the votes, generalisation gap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from fer_plugins.metrics.copies import copy_groups
from fer_plugins.metrics.table import SUMMARY
from fer_plugins.metrics.votes import AGREEMENTS
from fer_plugins.runtime.print_table import print_table, titled_table

_COPY_GROUPS = {"without_copies": "without a copy", "with_copies": "with a copy"}


def print_copies(console: Console, split: str, scores: Mapping[str, Any]) -> None:
    """Print the scores of the images with and without a copy in training; print nothing if no image has a copy."""
    copies = scores.get("copies")
    if not copies:
        return
    title = f"{split}, images with and without a copy in training, 95 % intervals"
    table = titled_table(title, "images", numbers=("n", *SUMMARY.values()))
    too_few = copies.get("too_few", {})
    for name, group in {"all": scores, **copy_groups(scores)}.items():
        few = too_few.get(name.removesuffix("_copies"), {})
        cells = (
            "-" if metric in few else _cell(group[metric], (group.get("intervals") or {}).get(metric))
            for metric in SUMMARY
        )
        table.add_row(_COPY_GROUPS.get(name, name), f"{group['n']:,}", *cells)
    for name in set(_COPY_GROUPS) - copy_groups(scores).keys():  # an empty group, e.g. if every image has a copy
        table.add_row(_COPY_GROUPS[name], "0", *("-" for _ in SUMMARY))
    if copies["difference"]:
        differences = (copies["difference"].get(metric) for metric in SUMMARY)
        cells = (_cell(interval and interval["difference"], interval, "+") for interval in differences)
        table.add_row("difference", "", *cells)
    print_table(console, table)
    for name, reasons in too_few.items():
        reason = next(iter(reasons.values()))
        console.print(f"-: too few images {name} a copy to score them: {reason}", style="dim")
    legend = "; difference: with a copy less without" if copies["difference"] else ""
    console.print(f"{describe_kinds(copies)}{legend}", style="dim")
    console.print()


def describe_kinds(copies: Mapping[str, Any]) -> str:
    """Return the number of copies of each kind: "934 images have a copy: 288 exact, 646 near"."""
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


_VOTERS = ("predictions", "labels", "one more annotator (leave-one-out)")


def print_majority(console: Console, split: str, scores: Mapping[str, Any]) -> None:
    """Print how predictions, labels and one more annotator agree with the votes' majority; nothing without votes."""
    majority = scores.get("vote_majority")
    if not majority:
        return
    title = f"{split}, agreement with the majority of the votes ({majority['n']:,} of {scores['n']:,} images)"
    table = titled_table(title, "whose", numbers=("agreement", "95 % interval"))
    for title, name in zip(_VOTERS, AGREEMENTS, strict=True):
        table.add_row(title, *_cells(majority[name], majority["intervals"][name]))
    difference = majority["difference"]
    if difference:
        table.add_row("predictions less one more annotator", *_cells(difference["difference"], difference, "+"))
    print_table(console, table)
    left_out = {"tied": "a tie", "outside": "no class on top", "unvoted": "no vote"}
    console.print(
        f"left out: {', '.join(f'{majority[name]:,} with {text}' for name, text in left_out.items())}", style="dim"
    )
    console.print(f"{describe_errors(majority)}\n")


def describe_majority(majority: Mapping[str, Any]) -> str:
    """Describe how often each voter agrees with the majority of the votes, in one sentence."""
    shares = (
        f"{title} {' ['.join(_cells(majority[name], majority['intervals'][name])).replace(' to ', ', ')}]"
        for title, name in zip(_VOTERS, AGREEMENTS, strict=True)
    )
    return (
        f"Agreement with the majority of the votes, {majority['n']:,} images: {', '.join(shares)}; "
        f"{describe_errors(majority)}."
    )


def describe_errors(majority: Mapping[str, Any]) -> str:
    """Describe in how many of the errors the majority agrees with the prediction, with the label, or with neither."""
    errors = majority["errors"]
    if not errors["n"]:
        return "no error on these images"
    ends = errors["interval"]
    return (
        f"of {errors['n']:,} errors there, the majority is the prediction in {errors['prediction']:,} "
        f"({errors['prediction_share']:.1%}, interval {ends['low']:.1%} to {ends['high']:.1%}), the label in "
        f"{errors['label']:,}, neither in {errors['neither']:,}"
    )


def _cells(value: float | None, interval: Mapping[str, Any] | None, sign: str = "") -> tuple[str, str]:
    if value is None:
        return "-", "-"
    if interval is None or interval["low"] is None:
        return f"{value:{sign}.4f}", "too few"
    return f"{value:{sign}.4f}", f"{interval['low']:{sign}.4f} to {interval['high']:{sign}.4f}"


def print_gap(console: Console, reported: str, gap: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the generalisation gap, one row per score: the difference in points and its 95 % interval."""
    table = titled_table(f"generalisation gap: train - {reported}", "score", numbers=("points", "95 % interval"))
    for metric in SUMMARY:
        if metric in gap:
            points = {key: 100 * gap[metric][key] for key in ("difference", "low", "high")}
            ends = f"{points['low']:+.2f} to {points['high']:+.2f}"
            table.add_row(SUMMARY[metric], f"{points['difference']:+.2f}", ends)
    print_table(console, table)
