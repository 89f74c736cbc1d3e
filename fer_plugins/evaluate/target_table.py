"""The table of scores on datasets that the network was not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from fer_plugins.evaluate.print_table import print_table
from fer_plugins.evaluate.result_table import say_interval

_SCORES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "f1": "F1 (macro)"}


def print_targets(console: Console, targets: Mapping[str, Mapping[str, Any]]) -> None:
    """Print five rows a dataset.

    Args:
        console: such as ``result_console()``.
        targets: what ``evaluate.by_dataset.score_targets`` returned.
    """
    table = Table(title="other datasets", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("dataset", overflow="fold")
    for name in ("images", "score", "", "95 % interval"):
        table.add_column(name, justify="left" if name == "score" else "right", no_wrap=True)
    for name, scores in targets.items():
        lines = [(title, scores[key], scores["intervals"][key]) for key, title in _SCORES.items()]
        adjusted, gap = scores["prior_adjusted_accuracy"], scores["gap"]["accuracy"]
        lines += [("prior-adjusted", adjusted["value"], adjusted), ("gap", gap["value"], gap)]
        for row, (title, value, interval) in enumerate(lines):
            last = row == len(lines) - 1
            first = (name, f"{scores['n']:,}") if row == 0 else ("", "")
            table.add_row(*first, title, f"{value:.4f}", say_interval(interval), end_section=last)
    print_table(console, table, keys=3)
    for name, scores in targets.items():
        if scores["missing_classes"]:
            console.print(f"{name} has no {', '.join(scores['missing_classes'])}", style="dim")
        if scores["left_out"]:
            shown = ", ".join(f"{label} ({number:,})" for label, number in scores["left_out"].items())
            console.print(f"{name}: classes that the network does not know were left out: {shown}", style="dim")
    console.print(
        "prior-adjusted: its recalls under the class shares of the own test part; gap: accuracy less that of the own "
        "test part, over the classes that both have",
        style="dim",
    )
