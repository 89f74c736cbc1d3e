"""Print a comparison of many models on one page: rankings with groups, and tests over datasets, folds or seeds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.result_table import format_interval, format_p
from fer_plugins.runtime.print_table import natural_width, print_table, titled_table
from fer_run_comparison.blocks import SPEAKS_OF
from fer_run_comparison.comparison_report import format_margin, print_comparison, print_heading
from fer_run_comparison.rows import rank_rows
from fer_run_comparison.significance import ALPHA
from fer_run_comparison.verdicts import EQUIVALENT, FIRST, SECOND, UNDECIDED

MANY = 3  # number of models from which a page replaces the list of all pairs
_BAYES = {"datasets": "Bayesian signed-rank test", "folds": "Bayesian correlated t test", "seeds": "Bayesian t test"}


def print_comparisons(console: Console, comparisons: Mapping[str, Any], *, pairs: bool) -> None:
    """Print the result of ``compare_datasets``: two models pair by pair, more of them as a page.

    Args:
        console: such as ``result_console()``.
        comparisons: comparisons of the runs.
        pairs: print every run and pair in any case.
    """
    datasets = comparisons.get("datasets", [comparisons])
    for comparison in datasets:
        many = len(comparison["models"]) >= MANY
        if many:
            print_heading(console, comparison)
            _print_ranking(console, comparison)
        print_comparison(console, comparison, heading=not many, pairs=pairs or not many)
    over, margin = comparisons["over_blocks"], comparisons["margin"]
    if len(next(iter(over.values()))["blocks"]) > 1:
        _print_over_blocks(console, over, margin, pairs=pairs)
    if not pairs and any(len(comparison["models"]) >= MANY for comparison in datasets):
        console.print("--pairs prints every run and pair.")


def _print_ranking(console: Console, comparison: Mapping[str, Any]) -> None:
    """Print the models sorted by their first score, with the groups for each score."""
    rankings = comparison["ranking"]
    first, *_ = rankings.values()
    runs = {row["runs"] for row in first["rows"]}
    of = (
        "test images"
        if runs == {1}
        else "trainings"
        if 1 not in runs
        else "trainings, of a single one over test images"
    )
    trainings = f", {min(runs)} trainings each" if len(runs) == 1 and runs != {1} else ""
    title = f"ranking of {len(first['rows'])} models{trainings}; 95 % interval over {of}"
    table = _table_of_models(title, [f"{HEADLINE[score]} (95 % interval)" for score in rankings])
    rows_of = {score: {row["letter"]: row for row in ranking["rows"]} for score, ranking in rankings.items()}
    for rank, model in enumerate(first["rows"], 1):
        cells = []
        for rows in rows_of.values():
            row = rows[model["letter"]]
            interval = format_interval(row["interval"]) if row["interval"] else "too few"
            cells += [f"{row['score']:.4f} ({interval})", row["groups"]]
        trainings_of_model = "" if len(runs) == 1 else f", {model['runs']} training{'' if model['runs'] == 1 else 's'}"
        table.add_row(str(rank), Text(f"{model['letter']}  {model['label']}{trainings_of_model}"), *cells)
    if natural_width(console, table) > console.width:
        table.columns[1].max_width = max(20, console.width - 50)  # a score with interval and group is next to it
    print_table(console, table, keys=2)
    for score, ranking in rankings.items():
        console.print(Text(f"{HEADLINE[score]}: {_sum_up(ranking, comparison['margin'])}"))
    console.print("Models that share a letter cannot be told apart, which does not mean that they are equal.\n")


def _table_of_models(title: str, scores: Sequence[str]) -> Table:
    """Return a table with one row per model: rank, model, and each score with the model's groups."""
    table = titled_table(title)
    for column in ("", "model"):
        table.add_column(column, overflow="fold")
    for score in scores:
        table.add_column(score, justify="right")
        table.add_column("group")
    return table


def _sum_up(ranking: Mapping[str, Any], margin: float) -> str:
    """Describe how the pairs were tested, the number of each verdict, and the smallest detectable difference."""
    tests, pairs = ranking["tests"], ranking["pairs"]
    counts = Counter(pair["verdict"] for pair in pairs)
    text = (
        f"{tests} test{'' if tests == 1 else 's'} ({ranking['method']}), corrected by Holm. Of {len(pairs)} pairs of "
        f"models {counts[FIRST] + counts[SECOND]} differ, {counts[EQUIVALENT]} are equivalent within "
        f"{format_margin(margin)}, {counts[UNDECIDED]} are not distinguishable."
    )
    undecided = [pair["detectable"] for pair in pairs if pair["verdict"] == UNDECIDED]
    points = [value for value in undecided if value is not None]
    if points:
        low, high = f"{min(points):.1f}", f"{max(points):.1f}"
        text += (
            f" The smallest difference that those could show with 80 % power at {ALPHA}/{tests}: "
            f"{low if low == high else f'{low} to {high}'} points."
        )
    if len(points) < len(undecided):
        text += f" {len(undecided) - len(points)} could show none: too few images or seeds."
    return text


def _print_over_blocks(console: Console, over: Mapping[str, Any], margin: float, *, pairs: bool) -> None:
    tests = next(iter(over.values()))
    kind, count = tests["kind"], len(tests["blocks"])
    if kind == "datasets" and len(tests["models"]) < 2:
        console.print(Text(f"No two models were run on all of {', '.join(tests['blocks'])}: no test over datasets.\n"))
        return
    if len(tests["models"]) < 2:
        return
    if tests["friedman"] and (pairs or kind == "datasets"):
        _print_ranks(console, over)
    if pairs or not tests["friedman"]:
        _print_pairs_over_blocks(console, over, margin)
    for score, result in over.items():
        if result["friedman"]:
            console.print(Text(f"{HEADLINE[score]} over {count} {kind}: {_friedman(result['friedman'], kind, count)}"))
    if tests["left_out"]:
        names = ", ".join(tests["left_out"])
        console.print(Text(f"left out, since not run on every dataset: {names}", style="yellow"))
    console.print(f"A block is a {kind[:-1]}: this speaks of {SPEAKS_OF[kind]}.\n")


def _print_ranks(console: Console, over: Mapping[str, Any]) -> None:
    first = next(iter(over.values()))
    title = f"over {len(first['blocks'])} {first['kind']}: {', '.join(first['blocks'])}"
    table = _table_of_models(title, [f"{HEADLINE[score]}: mean rank" for score in over])
    for rank, row in enumerate(rank_rows(over), 1):
        table.add_row(str(rank), Text(row.model), *itertools.chain.from_iterable(row.cells))
    print_table(console, table, keys=2)


def _friedman(result: Mapping[str, Any], kind: str, blocks: int) -> str:
    """Describe the results of Friedman's and Nemenyi's tests, or how many blocks they need."""
    if result["smallest_p"] >= ALPHA:
        return (
            f"Friedman's test says nothing; with {len(result['groups'])} models no ranks reach p < {ALPHA} below "
            f"{result['fewest_blocks']} {kind}."
        )
    text = f"Friedman chi-square({result['df']}) {result['chi_square']:.2f}, permutation p {format_p(result['p'])}"
    if blocks < result["fewest_blocks_of_a_pair"]:
        return f"{text}; Nemenyi's test tells no pair apart below {result['fewest_blocks_of_a_pair']} {kind}."
    told_apart = sum(pair["told_apart"] for pair in result["pairs"])
    return (
        f"{text}; Nemenyi's critical difference at {ALPHA} is {result['critical_difference']:.2f} ranks, "
        f"{told_apart} of {len(result['pairs'])} pairs differ."
    )


def _print_pairs_over_blocks(console: Console, over: Mapping[str, Any], margin: float) -> None:
    tests = next(iter(over.values()))
    kind, count = tests["kind"], len(tests["blocks"])
    table = titled_table(f"pair by pair over {count} {kind}: second - first, in points")
    for column in ("first", "second", "score"):
        table.add_column(column, overflow="fold", max_width=24)
    for column in ("points", "P(first)", f"P(within {margin:g})", "P(second)", "Wilcoxon p", "p (Holm)"):
        table.add_column(column, justify="right")
    for rows in zip(*(result["pairs"] for result in over.values()), strict=True):
        for score, row in zip(over, rows, strict=True):
            bayes, ranks = row["bayes"], row["wilcoxon"]
            sides = ("first_better", "equivalent", "second_better")
            chances = [f"{bayes[side]:.2f}" if bayes else "too few" for side in sides]
            p_values = (format_p(ranks["p"]), format_p(ranks.get("p_holm")))
            names = (Text(row["first"]), Text(row["second"]), HEADLINE[score])
            table.add_row(*names, f"{row['points']:+.2f}", *chances, *p_values)
    print_table(console, table, keys=3)
    console.print(
        f"P: {_BAYES[kind]}, probability that one is better by more than {format_margin(margin)}, or within it; from "
        f"{6 if kind == 'datasets' else 3} {kind} on. Wilcoxon's signed ranks take 6 to reach p < {ALPHA}."
    )
