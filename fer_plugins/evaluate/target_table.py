"""The table of scores on datasets that the network was not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


def print_targets(console: Console, targets: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a row a dataset.

    Args:
        console: such as ``result_console()``.
        targets: what ``evaluate.by_dataset.score_targets`` returned.
    """
    table = Table(title="other datasets, whole", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("dataset")
    for name in ("images", "accuracy", "balanced", "F1 (macro)", "prior-adjusted", "gap"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, scores in targets.items():
        intervals = scores["intervals"]
        cells = [_with(scores[key], intervals[key]) for key in ("accuracy", "balanced_accuracy", "f1")]
        cells += [_with(one["value"], one) for one in (scores["prior_adjusted_accuracy"], scores["gap"]["accuracy"])]
        table.add_row(name, f"{scores['n']:,}", *cells)
    console.print(table)
    for name, scores in targets.items():
        if scores["missing_classes"]:
            console.print(f"{name} has no {', '.join(scores['missing_classes'])}", style="dim")
        if scores["left_out"]:
            shown = ", ".join(f"{label} ({number:,})" for label, number in scores["left_out"].items())
            console.print(f"{name}: classes that the network does not know were left out: {shown}", style="dim")
    console.print(
        "balanced: mean recall; prior-adjusted: its recalls under the class shares of the own test part; gap: accuracy less that of the "
        "own test part, over the classes that both have",
        style="dim",
    )


def _with(value: float, interval: Mapping[str, Any] | None) -> str:
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f}\n{interval['low']:.4f} to {interval['high']:.4f}"
