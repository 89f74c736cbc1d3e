"""Consistency of printed ANOVA tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations

from scipy.special import fdtrc  # scipy.stats takes half a second to import

from fer_claims_audit.class_counts import is_total
from fer_claims_audit.findings import Finding, Outcome, Unchecked, show, span
from fer_claims_audit.paper_numbers import Paper, about, cite, group
from fer_plugins.analysis.claims import Printed

_PARTS = ("between", "within", "total")
_ENDLESS = Fraction(10) ** 30  # F if nothing varies within the groups


def check_anova(paper: Paper) -> Iterator[Outcome]:
    """Check every ANOVA of the file.

    Metrics: ``anova_ss_between_row``, ``_within_row``, ``_total_row``, ``anova_df_*``, ``anova_ms``, ``anova_f``,
    ``anova_p``, ``anova_p_below`` (the level that p is stated to be below).
    """
    numbers = [number for number in paper.printed if number.claim.metric.startswith("anova_")]
    for table in group(numbers, lambda c: (c.model, c.dataset, c.split, c.source)):
        yield from _anova(paper, {number.claim.metric.removeprefix("anova_"): number for number in table})


def _anova(paper: Paper, table: dict[str, Printed]) -> Iterator[Outcome]:
    where = about(next(iter(table.values())).claim)
    sums = [table.get(f"ss_{part}_row") for part in _PARTS]
    freedoms = [table.get(f"df_{part}") for part in _PARTS]
    if all(freedoms):
        paper.mark(*table.values())
        between, within, total = (number.value for number in freedoms if number)
        if between + within != total:
            yield Finding(
                "ANOVA", where, tuple(cite(number) for number in freedoms if number),
                "df total = df between + df within",
                (f"{between} + {within} = {between + within}",),
            )  # fmt: skip
        yield from _size(paper, table, where)
    if all(freedoms) and all(sums) and all(number.value > 0 for number in freedoms if number):
        yield from _sums_of_squares(
            table, [number for number in sums if number], [number.value for number in freedoms if number], where
        )
    yield from _p_value(table, where)


def _sums_of_squares(
    table: dict[str, Printed], sums: Sequence[Printed], freedoms: Sequence[Fraction], where: str
) -> Iterator[Finding]:
    labelled = _adds_up(sums)
    readings = [sums, *(list(order) for order in permutations(sums) if list(order) != list(sums) and _adds_up(order))]
    if not labelled:
        between, within = sums[0], sums[1]
        lines = [
            f"{show(between.value)} + {show(within.value)} = {show(between.value + within.value)}, with rounding "
            f"{span(between.low + within.low, between.high + within.high)}"
        ]
        exchanged = [
            f"{show(a.value)} + {show(b.value)} = {show(c.value)}" for a, b, c in readings[1:] if a.value > b.value
        ]
        lines.append(
            f"only with the labels exchanged: {exchanged[0]}"
            if exchanged
            else "no exchange of the labels makes them add up"
        )
        yield Finding("ANOVA", where, tuple(map(cite, sums)), "total = between + within", tuple(lines))
    squares = {"MS between": _quotient(sums[0], freedoms[0]), "MS within": _quotient(sums[1], freedoms[1])}
    if (mean := table.get("ms")) is not None and not any(mean.meets(*interval) for interval in squares.values()):
        yield Finding(
            "ANOVA", where, (cite(mean),), "MS = SS / df",
            ("; ".join(f"{name} {span(*interval, digits=4)}" for name, interval in squares.items()),),
        )  # fmt: skip
    if (ratio := table.get("f")) is not None:
        ranges = [_f_range(order[0], order[1], freedoms) for order in readings]
        if not any(ratio.meets(*interval) for interval in ranges):
            between, within = sums[0], sums[1]
            value = between.value / freedoms[0] / (within.value / freedoms[1]) if within.value else None
            lines = [
                f"({show(between.value)}/{freedoms[0]}) / ({show(within.value)}/{freedoms[1]})"
                + (f" = {show(value, 4)}" if value is not None else "")
                + f", rounding allowed for {span(*ranges[0], digits=4)}"
            ]
            lines += [
                f"with the labels exchanged ({show(order[0].value)} between, {show(order[1].value)} within): "
                f"{span(*interval, digits=4)}"
                for order, interval in zip(readings[1:], ranges[1:], strict=True)
            ]
            yield Finding(
                "ANOVA", where, (cite(ratio), *map(cite, sums[:2])), "F = MS between / MS within", tuple(lines)
            )  # fmt: skip


def _adds_up(sums: Sequence[Printed]) -> bool:
    between, within, total = sums
    return total.meets(between.low + within.low, between.high + within.high)


def _quotient(number: Printed, by: Fraction) -> tuple[Fraction, Fraction]:
    return max(number.low, Fraction(0)) / by, max(number.high, Fraction(0)) / by


def _f_range(between: Printed, within: Printed, freedoms: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
    above, below = _quotient(between, freedoms[0]), _quotient(within, freedoms[1])
    return above[0] / below[1] if below[1] else _ENDLESS, above[1] / below[0] if below[0] else _ENDLESS


def _p_value(table: dict[str, Printed], where: str) -> Iterator[Finding]:
    ratio, p, below = table.get("f"), table.get("p"), table.get("p_below")
    freedoms = [table.get("df_between"), table.get("df_within")]
    if ratio and p and all(number is not None and number.value > 0 for number in freedoms):
        df = [float(number.value) for number in freedoms if number]
        low, high = (Fraction(float(fdtrc(*df, float(end)))) for end in (ratio.high, max(ratio.low, Fraction(0))))
        if not p.meets(low, high):
            yield Finding(
                "p value", where, (cite(p), cite(ratio)), "p = P(F(df between, df within) > F)",
                (f"with F {span(ratio.low, ratio.high)} and {df[0]:.0f}, {df[1]:.0f} degrees of freedom p is "
                 f"{span(low, high, 4)}",),
            )  # fmt: skip
    if p and below and p.low >= below.value:
        yield Finding(
            "p value", where, (cite(p),), f"p < {float(below.value):g}, as is printed beside it",
            (f"{float(p.low):g} >= {float(below.value):g}",),
        )  # fmt: skip


def _size(paper: Paper, table: dict[str, Printed], where: str) -> Iterator[Outcome]:
    """Compare df total + 1 with the possible sizes of the split."""
    total = table["df_total"]
    size = int(total.value) + 1
    stated = {
        int(number.value): number.claim.source
        for number in paper.known
        if number.claim.metric == "n_images" and is_total(number.claim) and not number.step
        and (number.claim.dataset, number.claim.split) == (total.claim.dataset, total.claim.split)
    }  # fmt: skip
    groups = int(table["df_between"].value) + 1
    if not stated:
        yield Unchecked(where, "ANOVA's number of observations: the number of images is not known")
    elif min(abs(size - images) for images in stated) > groups:
        yield Finding(
            "ANOVA", where, (cite(total),), "df total + 1 = images of the split",
            (f"{size:,} observations; images: {', '.join(f'{images:,} ({why})' for images, why in stated.items())}; "
             f"rounding the split class by class moves them by {groups} at most",),
        )  # fmt: skip
