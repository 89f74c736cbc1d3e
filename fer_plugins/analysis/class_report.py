"""Prints the tests over the classes of one run, as papers print them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from fer_plugins.runs.result_table import format_p
from fer_plugins.runtime.print_table import print_table, titled_table

_OF = ("between", "within")


def print_classes(console: Console, folder: str, tests: Mapping[str, Any]) -> None:
    """Print the recalls of a run, and the tests of whether they differ."""
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
        table = titled_table("Wilcoxon's signed ranks of the recalls, as papers print it", "hypothetical median")
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
    table = titled_table("one-way ANOVA of correct predictions by true class, as papers print it", "source")
    for name in ("SS", "df", "MS", "F", "p"):
        table.add_column(name, justify="right")
    f = "-" if anova["f"] is None else f"{anova['f']:.3f}"
    between, within = ([f"{anova[f'ss_{of}']:.4f}", str(anova[f"df_{of}"]), f"{anova[f'ms_{of}']:.4g}"] for of in _OF)
    total = (f"{anova['ss_between'] + anova['ss_within']:.4f}", str(anova["df_between"] + anova["df_within"]))
    table.add_row("between classes", *between, f, format_p(anova["p"]))
    table.add_row("within classes", *within, "", "")
    table.add_row("total", *total, "", "", "")
    print_table(console, table)
    console.print(f"  {describe_anova(anova)}")
    for check in anova["checks"]:
        console.print(Text(f"  {check}", style="dim"))
    console.print()


def describe_anova(anova: Mapping[str, Any]) -> str:
    """Return F and p of a one-way analysis of variance, and of Welch's."""
    degrees = f"F({anova['df_between']}, {anova['df_within']})"
    if anova["f"] is None:
        return f"{degrees} undefined: no group varies"
    text = f"{degrees} {anova['f']:.3f}, p {format_p(anova['p'])}, eta squared {anova['eta_squared']:.3f}"
    welch = anova["welch"]
    if welch is None:
        return text
    degrees = f"F({welch['df_between']:.0f}, {welch['df_within']:.1f})"
    return f"{text}; Welch {degrees} {welch['f']:.3f}, p {format_p(welch['p'])}"
