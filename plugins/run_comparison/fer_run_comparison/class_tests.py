"""Tests on the classes of one run: equal difficulty, recalls above a median; and their output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.text import Text
from scipy import stats

from fer_plugins.runs.result_table import format_p
from fer_plugins.runtime.print_table import print_table, titled_table
from fer_run_comparison.significance import one_way_anova, signed_rank

ANOVA_NOTE = (
    "shows that some classes are harder than others; does not show that the model is good, or better than another. "
    "Correct predictions are 0 or 1, neither normal nor of equal variance: prefer the chi-square test"
)
WILCOXON_NOTE = (
    "shows that class recalls lie above or below the median; does not show that the model is better than another "
    "(for that: fer compare RUN RUN), nor by how much. Classes are few, and not a random sample"
)


def errors_by_class(
    true: npt.NDArray[np.int64], right: npt.NDArray[np.bool_], classes: Sequence[str], median: float | None = None
) -> dict[str, Any]:
    """Test whether the classes of one run are equally hard: the ANOVA and the Wilcoxon test of papers, and chi-square.

    Papers print a one-way ANOVA grouped by true class, with K - 1 and N - K degrees of freedom (Table 18 of the paper
    on anti-aliased networks, whose dependent variable is not named; read here as the correctness of each image). These
    values are 0 or 1, never normal, and their variance p (1 - p) differs between classes, so that the assumptions are
    violated by construction; with many images F is still roughly right. The chi-square test of the K x 2 counts needs
    neither assumption; it is accurate enough if every expected count is at least 5. Both only test whether classes are
    unequally hard, not the quality of the model.

    The Wilcoxon test of one model (Table 19 there, whose pairing is not named) is read as the one-sample test of the
    class recalls against a hypothetical median.

    Args:
        true: (N,) true classes.
        right: (N,) whether the prediction was correct.
        classes: K names; those without an image are left out.
        median: hypothetical median of the recalls, 0 to 1; None: chance, 1/K of the classes that have images.

    Returns:
        ``anova`` (see ``one_way_anova``; None if a class has one image), ``chi_square`` {statistic, df, p,
        smallest_expected} (None if all predictions or none were correct), ``wilcoxon`` (``signed_rank`` of the recalls,
        and ``median``), ``shares`` {class: correct / images}.
    """
    hits = {name: right[true == k].astype(np.float64) for k, name in enumerate(classes) if (true == k).any()}
    result: dict[str, Any] = {
        "anova": None,
        "chi_square": None,
        "wilcoxon": None,
        "shares": {name: float(values.mean()) for name, values in hits.items()},
    }
    if len(hits) < 2:
        return result
    median = 1 / len(hits) if median is None else median
    result["wilcoxon"] = {"median": median, **signed_rank([median] * len(hits), list(result["shares"].values()))}
    result["wilcoxon"]["checks"].append(WILCOXON_NOTE)
    if min(map(len, hits.values())) >= 2:
        result["anova"] = one_way_anova(hits)
        result["anova"]["checks"] = [ANOVA_NOTE]
    counts = np.array([[values.sum(), len(values) - values.sum()] for values in hits.values()])
    if counts.sum(0).min() > 0:
        test = stats.chi2_contingency(counts, correction=False)
        least = float(test.expected_freq.min())
        result["chi_square"] = {
            "statistic": float(test.statistic),
            "df": int(test.dof),
            "p": float(test.pvalue),
            "smallest_expected": least,
        }
    return result


_OF = ("between", "within")


def print_classes(console: Console, folder: str, tests: Mapping[str, Any]) -> None:
    """Print the recalls of a run, and the tests of whether they differ."""
    shares = ", ".join(f"{name} {share:.3f}" for name, share in tests["shares"].items())
    console.print(Text(f"recall by class of {folder}: {shares}"))
    chi, anova, ranks = tests["chi_square"], tests["anova"], tests["wilcoxon"]
    if chi:
        low = " (expected counts below 5: approximate)" if chi["smallest_expected"] < 5 else ""
        console.print(f"  chi-square({chi['df']}) {chi['statistic']:.2f}, p {format_p(chi['p'])}{low}")
    if anova:
        console.print()
        _print_anova(console, anova)
    if ranks:
        table = titled_table("Wilcoxon's signed ranks of the recalls, as papers report it", "hypothetical median")
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
    table = titled_table("one-way ANOVA of correct predictions by true class, as papers report it", "source")
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
    """Return F and p of a one-way ANOVA, and of Welch's ANOVA."""
    degrees = f"F({anova['df_between']}, {anova['df_within']})"
    if anova["f"] is None:
        return f"{degrees} undefined: no group varies"
    text = f"{degrees} {anova['f']:.3f}, p {format_p(anova['p'])}, eta squared {anova['eta_squared']:.3f}"
    welch = anova["welch"]
    if welch is None:
        return text
    degrees = f"F({welch['df_between']:.0f}, {welch['df_within']:.1f})"
    return f"{text}; Welch {degrees} {welch['f']:.3f}, p {format_p(welch['p'])}"
