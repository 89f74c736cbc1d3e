"""The table of scores on datasets that the network was not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runs.result_table import format_interval, per_class_table
from fer_plugins.runtime.print_table import print_table, titled_table


def print_targets(console: Console, targets: Mapping[str, Mapping[str, Any]]) -> None:
    """Print five rows per dataset, followed by the per-class scores and confusion matrix of each dataset."""
    table = titled_table("other datasets")
    table.add_column("dataset", overflow="fold")
    for name in ("images", "score", "", "95 % interval"):
        table.add_column(name, justify="left" if name == "score" else "right", no_wrap=True)
    for name, scores in targets.items():
        lines = [(title, scores[key], scores["intervals"][key]) for key, title in SUMMARY.items()]
        adjusted, gap = scores["prior_adjusted_accuracy"], scores["gap"]["accuracy"]
        lines += [("prior-adjusted", adjusted["value"], adjusted), ("gap", gap["value"], gap)]
        for row, (title, value, interval) in enumerate(lines):
            last = row == len(lines) - 1
            first = (name, f"{scores['n']:,}") if row == 0 else ("", "")
            table.add_row(*first, title, f"{value:.4f}", format_interval(interval), end_section=last)
    print_table(console, table, keys=3)
    for name, scores in targets.items():
        if scores["missing_classes"]:
            console.print(f"{name} has no {', '.join(scores['missing_classes'])}", style="dim")
        if scores["left_out"]:
            shown = ", ".join(f"{label} ({number:,})" for label, number in scores["left_out"].items())
            console.print(f"{name}: classes that the network does not know were left out: {shown}", style="dim")
    console.print(
        "prior-adjusted: its recalls under the class shares of the own test split; gap: accuracy less that of the own "
        "test split, over the classes that both have",
        style="dim",
    )
    for name, scores in targets.items():
        console.print()
        print_table(console, per_class_table(f"test on {name}", scores, narrow=console.width < 100))
        print_table(console, _confusion(name, scores))
    console.print("confusion: a row is a true class, a column a predicted one, in the same order", style="dim")


def _confusion(name: str, scores: Mapping[str, Any]) -> Table:
    """Return the confusion matrix, rows true and columns predicted; columns are numbered to fit 80 characters."""
    numbers = [str(number + 1) for number in range(len(scores["classes"]))]
    table = titled_table(f"test on {name}, confusion (images)", Column("true", overflow="fold"), numbers=numbers)
    for number, (label, row) in enumerate(zip(scores["classes"], scores["confusion_matrix"], strict=True), 1):
        table.add_row(Text(f"{number} {label}"), *(f"{count:,}" for count in row))
    return table
