"""Print an evaluation as tables; every figure has its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fer_plugins.runs.remarks import name_fault
from fer_plugins.runtime.print_table import print_table, titled_table


def print_evaluation(console: Console, evaluation: Mapping[str, Any], header: Mapping[str, Any]) -> None:
    """Print the result of ``evaluate_run``, below the "name value" pairs of ``header``; see ``manifest.header``."""
    console.print()
    for name, value in header.items():
        console.print(Text(f"{name} {value}"))
    console.print(
        Text(f"checkpoint epoch {evaluation['checkpoint']['epoch']}, sha256 {evaluation['checkpoint']['sha256'][:16]}")
    )
    share = "all" if evaluation["n"] == evaluation["of"] else f"{evaluation['n']:,} of {evaluation['of']:,}"
    console.print(Text(f"{share} images of {evaluation['part']}, evaluation seed {evaluation['seeds']['evaluation']}"))
    for fault in evaluation["not_a_result"]:
        console.print(Text(name_fault(fault), style="bold red"))
    console.print()
    plain = evaluation["plain"]
    interval = plain["intervals"]["accuracy"]
    console.print(f"accuracy of the images as they are: {_format({'value': plain['accuracy'], **interval})}")
    printers = {
        "shift": _print_shift,
        "corruption": _print_corruption,
        "occlusion": _print_occlusion,
        "calibration": _print_calibration,
    }
    for suite, values in evaluation["suites"].items():
        console.print()
        printers[suite](console, values)
    if evaluation["tta"]:
        console.print()
        _print_tta(console, evaluation["tta"], plain)
    for method, values in evaluation["saliency"].items():
        console.print(f"saliency {method}: {', '.join(values['files'])}")
    if evaluation["suites"] or evaluation["tta"]:
        console.print("intervals: 95 %, of the images (Wilson or bootstrap), not of retraining", style="dim")
    for warning in evaluation["warnings"]:
        console.print(Padding(Text(f"warning: {warning}", style="bold yellow"), (0, 0)))


def _print_shift(console: Console, values: Mapping[str, Any]) -> None:
    titles = {"zero": "shift, black comes in", "crop": "shift, crops of the enlarged image, no border comes in"}
    for way, title in titles.items():
        figures = values[way]
        table = _table(title, "px", "offsets", "same answer", "change of p", "accuracy")
        for distance, consistency in figures["consistency"].items():
            offsets = "80" if distance == "all" else str(8 * int(distance))
            cells = [consistency, figures["probability_change"][distance], figures["accuracy"][distance]]
            table.add_row(distance, offsets, *map(_format, cells))
        print_table(console, table)
        console.print(f"two positions out of 81 agree: {_format(figures['consistency_of_pairs'])}")
        console.print(f"accuracy where nothing moves: {_format(figures['reference_accuracy'])}\n")


def _print_corruption(console: Console, values: Mapping[str, Any]) -> None:
    table = _table("corruption: accuracy by severity", "kind", "1", "2", "3", "4", "5", "mean", "drop")
    for name, kind in values["kinds"].items():
        cells = [f"{severity['accuracy']['value']:.3f}" for severity in kind["severities"]]
        table.add_row(name, *cells, _format(kind["mean"], 3), f"{kind['drop']['value']:.3f}")
    table.add_row("all kinds", *[""] * 5, _format(values["mean"], 3), f"{values['drop']['value']:.3f}", style="bold")
    print_table(console, table)
    console.print(f"drop of the mean from {values['plain']['value']:.4f}: {_format(values['drop'])}")


def _print_occlusion(console: Console, values: Mapping[str, Any]) -> None:
    table = _table(f"occlusion: covered by {values['fill']}", "covered", "accuracy", "drop", "same answer")
    for name, cover in values["covers"].items():
        table.add_row(name, *(_format(cover[quantity]) for quantity in ("accuracy", "drop", "unchanged")))
    print_table(console, table)


def _print_calibration(console: Console, values: Mapping[str, Any]) -> None:
    fitted = values["fitted_on"]
    title = (
        f"calibration: temperature {values['temperature']:.4f}, fitted on {fitted['n']:,} images of {fitted['part']}"
    )
    table = _table(title, "score", "before", "after", "change")
    for name, label in (("ece", "ECE"), ("loss", "loss"), ("brier", "Brier")):
        table.add_row(label, *(_format(values[when][name]) for when in ("before", "after", "change")))
    print_table(console, table)
    if values["at_the_end_of_the_range"]:
        console.print(Text("the temperature lies at the end of the range searched (0.01 to 100)", style="bold yellow"))


def _print_tta(console: Console, ways: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
    table = _table("test-time augmentation, beside the plain answer", "views", "accuracy", "gain", "loss", "change")
    accuracy = _format({"value": plain["accuracy"], **plain["intervals"]["accuracy"]}, 3)
    table.add_row("plain: 1", accuracy, "", f"{plain['loss']:.4f}", "")
    for way, result in ways.items():
        scores = result["scores"]
        accuracy = _format({"value": scores["accuracy"], **scores["intervals"]["accuracy"]}, 3)
        gains = _format(result["accuracy_gain"], 3), f"{scores['loss']:.4f}", _format(result["loss_gain"], 3)
        table.add_row(f"{way}: {result['views']}", accuracy, *gains)
    print_table(console, table)


def _format(measured: Mapping[str, Any], digits: int = 4) -> str:
    """Return a value and its interval: "0.8123 (0.7990 to 0.8244)"."""
    value, low, high = (f"{measured[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _table(title: str, *columns: str) -> Table:
    table = titled_table(title)
    table.collapse_padding = True
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table
