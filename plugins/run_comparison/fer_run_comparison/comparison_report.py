"""Print a comparison of runs, by samples and over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from fer_plugins.metrics.table import HEADLINE, PAIRED
from fer_plugins.runs.result_table import format_interval, format_p
from fer_plugins.runtime.print_table import print_table, titled_table
from fer_run_comparison.class_tests import describe_anova, print_classes
from fer_run_comparison.comparison import describe_tests
from fer_run_comparison.rows import (
    PairRow,
    SpreadRow,
    format_ends,
    format_points,
    model_rows,
    name_run,
    name_verdict,
    pair_rows,
    spread_rows,
)


def print_heading(console: Console, comparison: Mapping[str, Any]) -> None:
    """Print what was compared: the test set, notes, and the letters of the models."""
    split = f"{comparison['part']} on {comparison['target']}" if comparison["target"] else comparison["part"]
    dataset = f"{comparison['dataset']}, " if "dataset" in comparison else ""
    console.print(f"\n{dataset}{split}, {comparison['n']:,} samples, split {', '.join(comparison['split_hashes'])}")
    for note in comparison["notes"]:
        console.print(Text(f"note: {note}", style="yellow"))


def print_comparison(
    console: Console, comparison: Mapping[str, Any], *, heading: bool = True, pairs: bool = True
) -> None:
    """Print the result of ``compare_runs``, with the verdicts of ``add_verdicts``.

    Args:
        console: such as ``result_console()``.
        comparison: comparison of the runs.
        heading: whether to print what was compared.
        pairs: whether to print every run and every pair.
    """
    if heading:
        print_heading(console, comparison)
    if pairs:
        _print_runs_and_pairs(console, comparison)
    if not comparison["over_seeds"] and len(comparison["models"]) > 1:
        console.print(
            "Nothing is said about the next training: that takes at least two seeds of two models (fer-run --seed).\n"
        )
    for folder, tests in (comparison["classes"] or {}).items():
        print_classes(console, folder, tests)
    if comparison["evaluated"]:
        from fer_run_comparison.evaluations_over_seeds import print_evaluations

        print_evaluations(console, comparison["evaluated"])


def _print_runs_and_pairs(console: Console, comparison: Mapping[str, Any]) -> None:
    for model in comparison["models"]:
        console.print(Text(f"{model['letter']}  {model['label']}"))
    console.print()
    columns = [column for label in HEADLINE.values() for column in (label, "95 % interval")]
    runs = titled_table("each run: score and 95 % interval over test samples", "run", *columns)
    for model in comparison["models"]:
        for run in model["runs"]:
            cells = [
                cell for score in HEADLINE for cell in (f"{run[score]:.4f}", format_interval(run["intervals"][score]))
            ]
            runs.add_row(name_run(model["letter"], run["seed"], "seed "), *cells)
    print_table(console, runs)
    if spreads := spread_rows(comparison):
        _print_spread(console, spreads)
    if comparison["pairs"]:
        _print_pairs(console, comparison)
    if comparison["over_seeds"]:
        _print_over_seeds(console, comparison["over_seeds"])


def _print_spread(console: Console, rows: Sequence[SpreadRow]) -> None:
    title = "over seeds: mean of the trainings and 95 % interval of the mean"
    table = titled_table(title, "model", "score", "seeds", numbers=("mean", "sd", "t interval", "z form"))
    for row in rows:
        table.add_row(*row)
    print_table(console, table, keys=3)
    console.print("The z form (mean +- 1.96 sd / sqrt(n)) is what papers print; it is too narrow for few seeds.\n")


def _print_pairs(console: Console, comparison: Mapping[str, Any]) -> None:
    count = len(comparison["pairs"])
    clustered = [row[score] for row in comparison["pairs"] for score in HEADLINE if "by_image" in row[score]]
    title = f"pair by pair on the same samples: second - first, in points ({count} pair{'s' if count > 1 else ''})"
    _print_pair_rows(console, title, "95 % interval", pair_rows(comparison), "p by image" if clustered else None)
    plain = "; ".join(f"{HEADLINE[name]}: {test.method}" for name, test in PAIRED.items())
    if clustered:
        unit, count = clustered[0]["unit"], clustered[0]["clusters"]
        console.print(f"By {unit} ({count:,}): {clustered[0]['difference']['method']}.")
        plain = f"By image, as if a {unit}'s images were independent: {plain}"
    console.print(f"{plain}.")
    console.print("Not distinguishable does not mean equal: the interval says how far apart the two may be.")
    margin = format_margin(comparison["margin"])
    console.print(
        f"Equivalent: two one-sided tests (TOST) put the difference within {margin} (--margin); "
        "80 % power from: the smallest difference in points that the corrected test shows in 80 of 100 test sets.\n"
    )


def _print_over_seeds(console: Console, over: Mapping[str, Any]) -> None:
    title = "model by model over seeds: second - first, in points"
    _print_pair_rows(console, title, "95 % Welch", model_rows(over), "Wilcoxon p (n)")
    _print_two_way(console, over)
    for score in HEADLINE:
        anova = over[score]["anova"]
        checks = dict.fromkeys(anova["checks"])
        for row in over[score]["pairs"]:
            checks |= {f"Wilcoxon: {check}": None for check in (row["wilcoxon"] or {}).get("checks", [])}
        console.print(f"one-way ANOVA, {HEADLINE[score]}: {describe_anova(anova)}")
        for check in checks:
            console.print(Text(f"  {check}", style="dim"))
    console.print()


def _print_pair_rows(
    console: Console, title: str, interval: str, rows: Sequence[PairRow], further_p: str | None
) -> None:
    """Print a table of pairs; ``interval`` and ``further_p`` are column titles, the latter None for no such column."""
    table = titled_table(title, "first", "second", "score", numbers=("points", interval))
    table.add_column("verdict")  # before the p-values: in a narrow terminal the first block has the main columns
    for heading in ("p", "p (Holm)", "80 % power from", *([further_p] if further_p else [])):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*(row if further_p else row[:-1]))
    print_table(console, table, keys=3)


def _print_two_way(console: Console, over: Mapping[str, Any]) -> None:
    title = "seeds and test images together: second - first, in points"
    table = titled_table(title, "first", "second", "score", numbers=("points", "95 % interval", "p (Holm)"))
    table.add_column("verdict")
    for heading in ("sd by seeds", "by images"):
        table.add_column(heading, justify="right")
    for score in HEADLINE:
        for row in over[score]["pairs"]:
            both, sides = row["two_way"], (row["first"], row["second"])
            table.add_row(
                *sides, HEADLINE[score], format_points(both["points"]), format_ends(both), format_p(both.get("p_holm")),
                name_verdict(both, sides) or "-", f"{both['sd_seeds']:.2f}", f"{both['sd_images']:.2f}",
            )  # fmt: skip
    print_table(console, table, keys=3)
    console.print(describe_tests(over[next(iter(HEADLINE))]["pairs"]))
    console.print()


def format_margin(margin: float) -> str:
    """Format a margin with its unit: "1 point", "0.5 points"."""
    return f"{margin:g} point{'' if margin == 1 else 's'}"
