"""Print the report of a comparison of two protocols: differences, budgets, leaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runtime.print_table import print_table, titled_table
from fer_protocol_bias.differences import PAIRED, UNPAIRED
from fer_protocol_bias.plan import SIDES

_COMPARISONS = {
    UNPAIRED: "The two test sets are taken for independent (accuracy: Newcombe, F1: stratified bootstrap).",
    PAIRED: "Both sides test the same images, so they are paired (accuracy: Bonett-Price, F1: paired bootstrap).",
}
_ONE_TRAINING = "These intervals are those of the tested images, and say nothing about another training."
_GROUPED = (
    "Images of one subject or sequence are taken for independent, which makes the interval too narrow, the more so the "
    "fewer are tested."
)
_BOTH = "Images that both sides test are taken for two, which makes it wider."
_OVER_SEEDS = (
    "This interval (Welch's t) is that of training again, under other seeds and on the splits that these give of the "
    "same images; it says nothing about other images."
)
_UNEQUAL = (
    "the training splits differ in size, and data.balance augment does not let them be cut; part of the difference may "
    "come from more images"
)
_LEAKING = {
    "copies": "identical images",
    "siblings": "images with augmented versions",
    "subjects": "subjects",
    "sequences": "sequences",
}


def print_bias(console: Console, report: Mapping[str, Any]) -> None:
    """Print the content of ``inflation.json``."""
    names = [report["protocols"][side]["name"] for side in SIDES]
    data, budget = report["data"], report["budget"]
    console.print()
    for fault in report["not_a_result"]:
        console.print(Text(f"NOT A RESULT  {fault}", style="bold red"))
    if not budget["same"]:
        console.print(Text(f"NOT THE SAME BUDGET  {_UNEQUAL}", style="bold red"))
    network = report["plugin"] + (f" ({report['recipe']})" if report["recipe"] else "")
    pace = f"{budget['epochs']} epochs, batches of {budget['batch_size']}"
    console.print(f"{network} on {data['title']} {data['fingerprint']}: {pace}")
    console.print()
    print_table(console, _sides(report, names))
    print_table(console, _one_training(report, names), keys=2)
    for comparison in dict.fromkeys(row["comparison"] for row in report["seeds"]):
        console.print(_text(_COMPARISONS[comparison]))
    console.print(
        _text(_ONE_TRAINING + ("" if report["over_seeds"] else " Use --seeds 5 before you blame the protocol."))
    )
    if any(
        row[side]["n"] > number for row in report["seeds"] for side in SIDES for number in row[side]["tested"].values()
    ):
        console.print(_text(_GROUPED))
    if any(row["tested_by_both"] and row["comparison"] == UNPAIRED for row in report["seeds"]):
        console.print(_text(_BOTH))
    if report["over_seeds"]:
        console.print()
        print_table(console, _over_seeds(report, names))
        console.print(_text(_OVER_SEEDS))
    console.print()
    for warning in report["warnings"]:
        console.print(Text(f"warning  {warning}", style="yellow"))


def print_networks(console: Console, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the differences of several networks in one table: over seeds if there are several, else of one training."""
    first = next(iter(results.values()))
    names = " less ".join(first["protocols"][side]["name"] for side in SIDES)
    table = _table(f"all networks: {names}", "network", "score", "difference", "95 % interval", "verdict", "seeds")
    for network, report in results.items():
        for score, title in HEADLINE.items():
            difference = (report["over_seeds"] or report["seeds"][0]["differences"])[score]
            table.add_row(network, title, *_difference(difference, report), str(len(report["seeds"])))
    console.print()
    print_table(console, table, keys=2)
    console.print(_text(_OVER_SEEDS if first["over_seeds"] else _ONE_TRAINING))


def _sides(report: Mapping[str, Any], names: list[str]) -> Table:
    """Return a table of each side's training and test data and leaks, for the first seed."""
    first = report["seeds"][0]
    sides = [first["flawed"], first["sound"]]
    table = _table(f"what each side has (seed {first['seed']})", "", *names)
    table.add_row("training images", *map(_training_images, sides))
    table.add_row("validation images", *(_count(side["val"]) for side in sides))
    table.add_row("test images", *(f"{side['n']:,}" for side in sides))
    for kind in first["sound"]["tested"]:
        table.add_row(f"{kind} tested", *(f"{side['tested'][kind]:,}" for side in sides))
    table.add_row("tested on both sides", *(f"{first['tested_by_both']:,}" for _ in sides))
    protocols = [report["protocols"][side] for side in SIDES]
    shown = [f"{_count(protocol['folds_run'])} (of {protocol['folds']})" for protocol in protocols]
    table.add_row("fold (of)", *shown)
    for kind, title in _LEAKING.items():
        leaks_of_sides = [[(leaks or {}).get(kind, {}) for leaks in side["leaks"]] for side in sides]
        for pair in dict.fromkeys(pair for folds in leaks_of_sides for leaks in folds for pair in leaks):
            counts = [[leaks.get(pair) for leaks in folds] for folds in leaks_of_sides]
            if any(number for side in counts for number in side):
                table.add_row(f"{title} in {pair.replace('/', ' and ')}", *map(_count, counts))
    table.add_row("its own flaw", *(protocol["flaw"] or "says none" for protocol in protocols))
    return table


def _training_images(side: Mapping[str, Any]) -> str:
    return _count(side["train"]) + (f" (cut from {_count(side['cut_from'])})" if side["cut_from"] else "")


def _one_training(report: Mapping[str, Any], names: list[str]) -> Table:
    table = _table("one training on each side", "score", "seed", "difference", "95 % interval", "verdict", *names)
    for score, title in HEADLINE.items():
        for row in report["seeds"]:
            sides = [f"{row[side][score]:.4f}" for side in SIDES]
            table.add_row(title, str(row["seed"]), *_difference(row["differences"][score], report), *sides)
            for name, subset in (row["by_copies"] or {}).items():
                shown = _difference(subset["differences"][score], report)
                table.add_row(f"  {subset['n']:,} {name}", str(row["seed"]), *shown, "", "")
    return table


def _over_seeds(report: Mapping[str, Any], names: list[str]) -> Table:
    title = f"{len(report['seeds'])} trainings on each side: mean (standard deviation between seeds)"
    table = _table(title, "score", "difference", "95 % interval", "verdict", *names)
    for score, title in HEADLINE.items():
        means = report["over_seeds"][score]
        sides = [f"{means[side]['mean']:.4f} ({means[side]['sd']:.3f})" for side in SIDES]
        table.add_row(title, *_difference(means, report), *sides)
    return table


def _difference(values: Mapping[str, Any], report: Mapping[str, Any]) -> list[str]:
    """Return difference, interval and verdict as cells of a row."""
    low, high = values["low"], values["high"]
    interval = values["method"].removeprefix("none: ") if low is None else f"{low:+.4f} to {high:+.4f}"
    verdict = "not a result" if report["not_a_result"] else values["verdict"]
    return [f"{values['difference']:+.4f}", interval, verdict]


def _table(title: str, *columns: str) -> Table:
    table = titled_table(title)
    for number, name in enumerate(columns):
        left = number == 0 or name == "verdict"
        one_line = name in ("score", "difference", "95 % interval", "verdict")
        table.add_column(name, justify="left" if left else "right", overflow="fold", no_wrap=one_line)
    return table


def _count(values: list[int | None]) -> str:
    """Return a value that is the same for all folds once, and else its minimum and maximum."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "not looked for"
    return f"{min(numbers):,}" + (f" to {max(numbers):,}" if min(numbers) < max(numbers) else "")


def _text(note: str) -> Text:
    return Text(note, style="dim")
