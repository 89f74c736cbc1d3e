"""The lines on the votes beside the labels: whom their majority agrees with, and the errors that it takes for none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from fer_plugins.metrics.votes import AGREEMENTS
from fer_plugins.runtime.print_table import print_table, titled_table

_TITLES = ("predictions", "labels", "one more annotator (leave-one-out)")


def print_majority(console: Console, split: str, scores: Mapping[str, Any]) -> None:
    """Print how predictions, labels and one more annotator agree with the majority; nothing where there are no votes.

    Args:
        console: such as ``result_console()``.
        split: whose scores they are.
        scores: of the split, with ``vote_majority`` as ``metrics.votes.score_majority`` returns it.
    """
    majority = scores.get("vote_majority")
    if not majority:
        return
    table = titled_table(
        f"{split}, agreement with the majority of the votes ({majority['n']:,} of {scores['n']:,} images)"
    )
    for title in ("whose", "agreement", "95 % interval"):
        table.add_column(title, justify="left" if title == "whose" else "right")
    for title, name in zip(_TITLES, AGREEMENTS, strict=True):
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
    """Say who agrees how often with the majority of the votes, in two sentences.

    Args:
        majority: as ``metrics.votes.score_majority`` returns it.
    """
    shares = (
        f"{title} {' ['.join(_cells(majority[name], majority['intervals'][name])).replace(' to ', ', ')}]"
        for title, name in zip(_TITLES, AGREEMENTS, strict=True)
    )
    return (
        f"Agreement with the majority of the votes, {majority['n']:,} images: {', '.join(shares)}; "
        f"{describe_errors(majority)}."
    )


def describe_errors(majority: Mapping[str, Any]) -> str:
    """Say which of the errors the majority sides with: "of 900 errors it has the prediction in 300 (33.3 %), ...".

    Args:
        majority: as ``metrics.votes.score_majority`` returns it.
    """
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
