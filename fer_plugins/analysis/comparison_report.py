"""Prints a comparison of runs: are they distinguishable, by samples and over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fer_plugins.analysis.spread_limits import format_spread
from fer_plugins.metrics.table import HEADLINE, PAIRED
from fer_plugins.runs.result_table import format_interval, format_p
from fer_plugins.runtime.print_table import print_table

_OF = ("between", "within")


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
    """Print what ``compare_runs`` returned, with the verdicts of ``many_models.verdicts.add_verdicts``.

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
        _print_classes(console, folder, tests)
    if comparison["evaluated"]:
        from fer_plugins.analysis.robustness.over_seeds import print_evaluations

        print_evaluations(console, comparison["evaluated"])


def _print_runs_and_pairs(console: Console, comparison: Mapping[str, Any]) -> None:
    for model in comparison["models"]:
        console.print(Text(f"{model['letter']}  {model['label']}"))
    console.print()
    runs = _table("each run: score and 95 % interval over test samples", "run", *_interleave("95 % interval"))
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
    table = _table("over seeds: mean of the trainings and 95 % interval of the mean", "model", "score", "seeds")
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
    table = _table(title, "first", "second", "score")
    for name in ("points", "95 % interval"):
        table.add_column(name, justify="right")
    table.add_column("verdict")  # before the p-values: in a narrow terminal the first block holds what matters
    for name in ("p", "p (Holm)", "80 % power from"):
        table.add_column(name, justify="right")
    for row in comparison["pairs"]:
        sides = [f"{row[f'{side}_letter']} s{row[f'{side}_seed']}" for side in ("first", "second")]
        for score in HEADLINE:
            one = row[score]
            change, verdict = one["difference"], _verdict(one["verdict"], sides, comparison["margin"])
            cells = (
                _points(change["points"]),
                _point_range(change),
                verdict,
                format_p(one["p"]),
                format_p(one["p_holm"]),
                _detectable(one),
            )
            table.add_row(*sides, HEADLINE[score], *cells)
    print_table(console, table, keys=3)
    console.print(f"{'; '.join(f'{HEADLINE[name]}: {test.method}' for name, test in PAIRED.items())}.")
    console.print("Not distinguishable does not mean equal: the interval says how far apart the two may be.")
    console.print(
        f"Equivalent: two one-sided tests (TOST) put the difference within {comparison['margin']:g} points (--margin); "
        "80 % power from: the smallest difference in points that the corrected test shows in 80 of 100 such test sets.\n"
    )


def _print_over_seeds(console: Console, over: Mapping[str, Any], margin: float) -> None:
    table = _table("model by model over seeds: second - first, in points", "first", "second", "score")
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
    for score in HEADLINE:
        anova = over[score]["anova"]
        checks = dict.fromkeys(anova["checks"])
        for row in over[score]["pairs"]:
            checks |= {f"Wilcoxon: {check}": None for check in (row["wilcoxon"] or {}).get("checks", [])}
        console.print(f"one-way ANOVA, {HEADLINE[score]}: {_anova(anova)}")
        for check in checks:
            console.print(Text(f"  {check}", style="dim"))
    console.print()


def _print_classes(console: Console, folder: str, tests: Mapping[str, Any]) -> None:
    shares = ", ".join(f"{name} {share:.3f}" for name, share in tests["shares"].items())
    console.print(Text(f"classes of {folder}, recall: {shares}"))
    chi, anova, ranks = tests["chi_square"], tests["anova"], tests["wilcoxon"]
    if chi:
        low = " (expected counts below 5: approximate)" if chi["smallest_expected"] < 5 else ""
        console.print(f"  chi-square({chi['df']}) {chi['statistic']:.2f}, p {format_p(chi['p'])}{low}")
    if anova:
        console.print()
        _print_anova(console, anova)
    if ranks:
        table = _table("Wilcoxon's signed ranks of the recalls, as papers print it", "hypothetical median")
        for name in ("n", "W", "rank sum +", "rank sum -", "sum of signed ranks", "p", "smallest p"):
            table.add_column(name, justify="right")
        positive, negative = ranks["rank_sum_positive"], ranks["rank_sum_negative"]
        numbers = (ranks["w"], positive, negative, positive - negative)
        p_values = (format_p(ranks["p"]), format_p(ranks["smallest_p"]))
        table.add_row(f"{ranks['median']:.4f}", str(ranks["n"]), *(f"{value:g}" for value in numbers), *p_values)
        print_table(console, table)
        for check in ranks["checks"]:
            console.print(Text(f"  {check}", style="dim"))


def _print_anova(console: Console, anova: Mapping[str, Any]) -> None:
    table = _table("one-way ANOVA of correct predictions by true class, as papers print it", "source")
    for name in ("SS", "df", "MS", "F", "p"):
        table.add_column(name, justify="right")
    f = "-" if anova["f"] is None else f"{anova['f']:.3f}"
    between, within = ([f"{anova[f'ss_{of}']:.4f}", str(anova[f"df_{of}"]), f"{anova[f'ms_{of}']:.4g}"] for of in _OF)
    total = (f"{anova['ss_between'] + anova['ss_within']:.4f}", str(anova["df_between"] + anova["df_within"]))
    table.add_row("between classes", *between, f, format_p(anova["p"]))
    table.add_row("within classes", *within, "", "")
    table.add_row("total", *total, "", "", "")
    print_table(console, table)
    console.print(f"  {_anova(anova)}")
    for check in anova["checks"]:
        console.print(Text(f"  {check}", style="dim"))
    console.print()


def _anova(anova: Mapping[str, Any]) -> str:
    degrees = f"F({anova['df_between']}, {anova['df_within']})"
    if anova["f"] is None:
        return f"{degrees} undefined: no group varies"
    text = f"{degrees} {anova['f']:.3f}, p {format_p(anova['p'])}, eta squared {anova['eta_squared']:.3f}"
    welch = anova["welch"]
    if welch is None:
        return text
    degrees = f"F({welch['df_between']:.0f}, {welch['df_within']:.1f})"
    return f"{text}; Welch {degrees} {welch['f']:.3f}, p {format_p(welch['p'])}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table


def _interleave(between: str) -> list[str]:
    return [name for score in HEADLINE for name in (HEADLINE[score], between)]


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
