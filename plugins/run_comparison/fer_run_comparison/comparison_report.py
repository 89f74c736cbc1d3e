"""Prints a comparison of runs: are they distinguishable, by samples and over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from fer_plugins.analysis.seed_spread import format_spread
from fer_plugins.metrics.table import HEADLINE, PAIRED
from fer_plugins.runs.result_table import format_interval, format_p
from fer_plugins.runtime.print_table import print_table, titled_table
from fer_run_comparison.class_tests import describe_anova, print_classes
from fer_run_comparison.comparison import describe_tests


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
    """Print what ``compare_runs`` returned, with the verdicts of ``add_verdicts``.

    Args:
        console: such as ``result_console()``.
        comparison: of the runs.
        heading: say what was compared.
        pairs: print every run and every pair.
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
            runs.add_row(f"{model['letter']} seed {run['seed']}", *cells)
    print_table(console, runs)
    several = [model for model in comparison["models"] if model["over_seeds"]]
    if several:
        _print_spread(console, several)
    if comparison["pairs"]:
        _print_pairs(console, comparison)
    if comparison["over_seeds"]:
        _print_over_seeds(console, comparison["over_seeds"], comparison["margin"])


def _print_spread(console: Console, models: Sequence[Mapping[str, Any]]) -> None:
    table = titled_table("over seeds: mean of the trainings and 95 % interval of the mean", "model", "score", "seeds")
    for title in ("mean", "sd", "t interval", "z form"):
        table.add_column(title, justify="right")
    for model in models:
        for score in HEADLINE:
            spread = model["over_seeds"][score]
            ends = (format_spread(spread, "t"), format_spread(spread, "z"))
            table.add_row(
                model["letter"],
                HEADLINE[score],
                str(spread["n"]),
                f"{spread['mean']:.4f}",
                f"{spread['sd']:.4f}",
                *ends,
            )
    print_table(console, table, keys=3)
    console.print("The z form (mean +- 1.96 sd / sqrt(n)) is what papers print; it is too narrow for few seeds.\n")


def _print_pairs(console: Console, comparison: Mapping[str, Any]) -> None:
    count = len(comparison["pairs"])
    title = f"pair by pair on the same samples: second - first, in points ({count} pair{'s' if count > 1 else ''})"
    table = titled_table(title, "first", "second", "score")
    for name in ("points", "95 % interval"):
        table.add_column(name, justify="right")
    table.add_column("verdict")  # before the p-values: in a narrow terminal the first block holds what matters
    clustered = [row[score] for row in comparison["pairs"] for score in HEADLINE if "by_image" in row[score]]
    for name in ("p", "p (Holm)", "80 % power from", *(["p by image"] if clustered else [])):
        table.add_column(name, justify="right")
    for row in comparison["pairs"]:
        sides = [f"{row[f'{side}_letter']} s{row[f'{side}_seed']}" for side in ("first", "second")]
        for score in HEADLINE:
            test = row[score]
            difference, verdict = test["difference"], _verdict(test["verdict"], sides, comparison["margin"])
            cells = (
                _points(difference["points"]),
                _point_range(difference),
                verdict,
                format_p(test["p"]),
                format_p(test["p_holm"]),
                _detectable(test),
                *([format_p(test["by_image"]["p"])] if "by_image" in test else []),
            )
            table.add_row(*sides, HEADLINE[score], *cells)
    print_table(console, table, keys=3)
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


def _print_over_seeds(console: Console, over: Mapping[str, Any], margin: float) -> None:
    table = titled_table("model by model over seeds: second - first, in points", "first", "second", "score")
    for name in ("points", "95 % Welch", "verdict", "p", "p (Holm)", "80 % power from", "Wilcoxon p (n)"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for score in HEADLINE:
        for row in over[score]["pairs"]:
            welch, ranks = row["welch"], row["wilcoxon"]
            wilcoxon = "-" if ranks is None or ranks["p"] is None else f"{format_p(ranks['p'])} ({ranks['n']})"
            cells = (
                _points(welch["points"]),
                _point_range(welch),
                _verdict(welch["verdict"], (row["first"], row["second"]), margin),
                format_p(welch["p"]),
                format_p(welch.get("p_holm")),
                _detectable(welch),
                wilcoxon,
            )
            table.add_row(row["first"], row["second"], HEADLINE[score], *cells)
    print_table(console, table, keys=3)
    _print_two_way(console, over, margin)
    for score in HEADLINE:
        anova = over[score]["anova"]
        checks = dict.fromkeys(anova["checks"])
        for row in over[score]["pairs"]:
            checks |= {f"Wilcoxon: {check}": None for check in (row["wilcoxon"] or {}).get("checks", [])}
        console.print(f"one-way ANOVA, {HEADLINE[score]}: {describe_anova(anova)}")
        for check in checks:
            console.print(Text(f"  {check}", style="dim"))
    console.print()


def _print_two_way(console: Console, over: Mapping[str, Any], margin: float) -> None:
    table = titled_table("seeds and test images together: second - first, in points", "first", "second", "score")
    for name in ("points", "95 % interval", "p (Holm)", "verdict", "sd by seeds", "by images"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for score in HEADLINE:
        for row in over[score]["pairs"]:
            both = row["two_way"]
            sides = (row["first"], row["second"])
            verdict = _verdict(both["verdict"], sides, margin) if "verdict" in both else "-"
            table.add_row(
                *sides, HEADLINE[score], _points(both["points"]), _point_range(both),
                format_p(both.get("p_holm")), verdict, f"{both['sd_seeds']:.2f}", f"{both['sd_images']:.2f}",
            )  # fmt: skip
    print_table(console, table, keys=3)
    console.print(describe_tests(over[next(iter(HEADLINE))]["pairs"]))
    console.print()


def format_margin(margin: float) -> str:
    """Write a margin with its unit: "1 point", "0.5 points"."""
    return f"{margin:g} point{'' if margin == 1 else 's'}"


def _verdict(verdict: str, sides: Sequence[str], margin: float) -> str:
    better = {"first better": f"{sides[0]} better", "second better": f"{sides[1]} better"}
    return {**better, "equivalent": f"equivalent within {margin:g}"}.get(verdict, verdict)


def _detectable(tested: Mapping[str, Any]) -> str:
    points = tested["detectable"]["points"]
    return "none" if points is None else f"{points:.2f}"


def _points(value: float) -> str:
    return f"{value:+.2f}"


def _point_range(interval: Mapping[str, Any]) -> str:
    if interval["low"] is None:
        return str(interval.get("why") or "-")
    return f"{interval['low']:+.2f} to {interval['high']:+.2f}"
