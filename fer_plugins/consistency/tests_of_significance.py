"""Printed ANOVA tables and Wilcoxon signed-rank tests: do their numbers belong together?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np
import numpy.typing as npt
from scipy.stats import f as f_distribution
from scipy.stats import wilcoxon

from fer_plugins.consistency.class_counts import is_total
from fer_plugins.consistency.findings import Finding, Outcome, Remark, Unchecked, show, span
from fer_plugins.consistency.printed import Paper, Printed, about, group
from fer_plugins.errors import InputError

_PARTS = ("between", "within", "total")
_ENDLESS = Fraction(10) ** 30  # F where nothing varies within the groups
_EXACT_PAIRS = 50  # scipy.stats.wilcoxon is asked for exact p values up to here


def check_tests(paper: Paper) -> Iterator[Outcome]:
    """Check every ANOVA (metrics ``anova_*``) and Wilcoxon test (``wilcoxon_*``) of the file.

    ANOVA: ``anova_ss_between_row``, ``_within_row``, ``_total_row``, ``anova_df_*``, ``anova_ms``, ``anova_f``,
    ``anova_p``, ``anova_p_below`` (the level that p is said to be below). Wilcoxon: ``wilcoxon_n``, ``wilcoxon_w``,
    ``wilcoxon_rank_sum_positive``, ``_negative``, ``wilcoxon_signed_rank_sum`` (their difference), ``wilcoxon_p``,
    ``wilcoxon_significant_at_LEVEL`` (1 or 0).
    """
    for kind, check in (("anova_", _anova), ("wilcoxon_", _wilcoxon)):
        numbers = [one for one in paper.printed if one.claim.metric.startswith(kind)]
        for table in group(numbers, lambda c: (c.model, c.dataset, c.split, c.source)):
            yield from check(paper, {one.claim.metric.removeprefix(kind): one for one in table})


def _anova(paper: Paper, table: dict[str, Printed]) -> Iterator[Outcome]:
    where = about(next(iter(table.values())).claim)
    sums = [table.get(f"ss_{part}_row") for part in _PARTS]
    freedoms = [table.get(f"df_{part}") for part in _PARTS]
    if all(freedoms):
        between, within, total = (one.value for one in freedoms if one)
        if between + within != total:
            yield Finding(
                "ANOVA", where, tuple(map(str, freedoms)), "df total = df between + df within",
                (f"{between} + {within} = {between + within}",),
            )  # fmt: skip
        yield from _size(paper, table, where)
    if all(freedoms) and all(sums) and all(one.value > 0 for one in freedoms if one):
        yield from _sums_of_squares(table, [one for one in sums if one], [one.value for one in freedoms if one], where)
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
        others = [
            f"{show(a.value)} + {show(b.value)} = {show(c.value)}" for a, b, c in readings[1:] if a.value > b.value
        ]
        lines.append(
            f"only with the labels exchanged: {others[0]}" if others else "no exchange of the labels makes them add up"
        )
        yield Finding("ANOVA", where, tuple(map(str, sums)), "total = between + within", tuple(lines))
    squares = {"MS between": _quotient(sums[0], freedoms[0]), "MS within": _quotient(sums[1], freedoms[1])}
    if (mean := table.get("ms")) is not None and not any(mean.meets(*one) for one in squares.values()):
        yield Finding(
            "ANOVA", where, (str(mean),), "MS = SS / df",
            ("; ".join(f"{name} {span(*one, digits=4)}" for name, one in squares.items()),),
        )  # fmt: skip
    if (ratio := table.get("f")) is not None:
        ranges = [_f_range(order[0], order[1], freedoms) for order in readings]
        if not any(ratio.meets(*one) for one in ranges):
            between, within = sums[0], sums[1]
            value = between.value / freedoms[0] / (within.value / freedoms[1]) if within.value else None
            lines = [
                f"({show(between.value)}/{freedoms[0]}) / ({show(within.value)}/{freedoms[1]})"
                + (f" = {show(value, 4)}" if value is not None else "")
                + f", rounding allowed for {span(*ranges[0], digits=4)}"
            ]
            lines += [
                f"with the labels exchanged ({show(order[0].value)} between, {show(order[1].value)} within): "
                f"{span(*one, digits=4)}"
                for order, one in zip(readings[1:], ranges[1:], strict=True)
            ]
            yield Finding(
                "ANOVA", where, (str(ratio), *map(str, sums[:2])), "F = MS between / MS within", tuple(lines)
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
    if ratio and p and all(one is not None and one.value > 0 for one in freedoms):
        df = [float(one.value) for one in freedoms if one]
        low, high = (
            Fraction(float(f_distribution.sf(float(end), *df))) for end in (ratio.high, max(ratio.low, Fraction(0)))
        )
        if not p.meets(low, high):
            yield Finding(
                "p value", where, (str(p), str(ratio)), "p = P(F(df between, df within) > F)",
                (f"with F {span(ratio.low, ratio.high)} and {df[0]:.0f}, {df[1]:.0f} degrees of freedom p is "
                 f"{span(low, high, 4)}",),
            )  # fmt: skip
    if p and below and p.low >= below.value:
        yield Finding(
            "p value", where, (str(p),), f"p < {float(below.value):g}, as is printed beside it",
            (f"{float(p.low):g} >= {float(below.value):g}",),
        )  # fmt: skip


def _size(paper: Paper, table: dict[str, Printed], where: str) -> Iterator[Outcome]:
    """Compare df total + 1 with the sizes that the split may have."""
    total = table["df_total"]
    size = int(total.value) + 1
    stated = {
        int(one.value): one.claim.source
        for one in paper.known
        if one.claim.metric == "n_images" and is_total(one.claim) and not one.step
        and (one.claim.dataset, one.claim.split) == (total.claim.dataset, total.claim.split)
    }  # fmt: skip
    groups = int(table["df_between"].value) + 1
    if not stated:
        yield Unchecked(where, "ANOVA's number of observations: the number of images is not known")
    elif min(abs(size - one) for one in stated) > groups:
        yield Finding(
            "ANOVA", where, (str(total),), "df total + 1 = images of the split",
            (f"{size:,} observations; images: {', '.join(f'{one:,} ({why})' for one, why in stated.items())}; "
             f"rounding the split class by class moves them by {groups} at most",),
        )  # fmt: skip


def _wilcoxon(paper: Paper, table: dict[str, Printed]) -> Iterator[Outcome]:
    pairs, positive, negative = (table.get(name) for name in ("n", "rank_sum_positive", "rank_sum_negative"))
    if not pairs or not 1 <= pairs.value:
        return
    where, size = about(pairs.claim), int(pairs.value)
    levels = {_read_level(paper, name): one for name, one in table.items() if name.startswith("significant")}
    claimed = [(level, one) for level, one in levels.items() if one.value == 1]
    if positive and negative:
        total, needed = positive.value + negative.value, Fraction(size * (size + 1), 2)
        smaller = _pairs_of(total)
        if total != needed:
            lines = [f"n(n + 1)/2 = {size} x {size + 1}/2 = {show(needed)}; {show(positive.value)} + "
                     f"{show(negative.value)} = {show(total)}"]  # fmt: skip
            refuted = False
            if smaller is None or smaller > size:
                lines.append(f"it is n(n + 1)/2 for no n up to {size}, so pairs without a difference do not explain it")
            else:
                p = exact_p(smaller, min(positive.value, negative.value))
                refuted = any(p is not None and p >= level for level, _ in claimed)
                lines.append(
                    f"it is the total for n = {smaller} ({size - smaller} pairs without a difference); then exact p = "
                    + (f"{p:.4g}" if p is not None else "unknown")
                    + (f", not below the {claimed[0][0]:g} that is claimed" if refuted else "")
                )
            found = (str(pairs), str(positive), str(negative))
            if smaller is None or smaller > size or refuted:
                yield Finding("rank sums", where, found, f"rank sums total {show(needed)}", tuple(lines))
            else:
                yield Remark(where, f"{', '.join(found)}: {'; '.join(lines)}")
        signed = table.get("signed_rank_sum")
        if signed and abs(signed.value) != abs(positive.value - negative.value):
            yield Finding(
                "rank sums", where, (str(signed), str(positive), str(negative)),
                f"the sum of signed ranks is {show(positive.value - negative.value)}",
                (f"{show(positive.value)} - {show(negative.value)} = {show(positive.value - negative.value)}",),
            )  # fmt: skip
    for level, one in claimed:
        least = Fraction(2, 2 ** min(size, 64))
        if least >= Fraction(repr(level)):
            approximate = normal_p(size, Fraction(0))[0]
            if approximate < level:
                yield Remark(
                    where, f"{one}: by the normal approximation alone ({approximate:.4f}); exact p >= {show(least, 4)}"
                )
                continue
            yield Finding(
                "p value", where, (str(pairs), str(one)), f"two-sided exact p >= {show(least, 4)}",
                (f"all {size} differences of one sign, the rarest case: 2/2^{size} = {show(least, 4)} >= {level:g}",),
            )  # fmt: skip
    p_printed, w = table.get("p"), table.get("w")
    if p_printed and w and (p := exact_p(size, w.value)) is not None:
        normal = normal_p(size, w.value)
        if not any(p_printed.meets(Fraction(one), Fraction(one)) for one in (p, *normal)):
            yield Finding(
                "p value", where, (str(p_printed), str(w), str(pairs)), f"two-sided exact p = {p:.4g}",
                (f"scipy.stats.wilcoxon on {size} untied differences whose smaller rank sum is {show(w.value)}; normal "
                 f"approximation {normal[0]:.4g}, with continuity correction {normal[1]:.4g}",),
            )  # fmt: skip


def _read_level(paper: Paper, name: str) -> float:
    """Take the level from a metric's name, "significant_at_0.01"."""
    try:
        level = float(name.removeprefix("significant_at_"))
    except ValueError:
        level = math.nan
    if not 0 < level < 1:
        raise InputError(f"{paper.claims.path}: wilcoxon_{name}: its end must be a level between 0 and 1, such as 0.05")
    return level


def _pairs_of(total: Fraction) -> int | None:
    """Return the n whose ranks 1 to n sum to ``total``, if there is one."""
    if total.denominator != 1 or total < 1:
        return None
    n = (math.isqrt(8 * int(total) + 1) - 1) // 2
    return n if n * (n + 1) == 2 * total else None


def exact_p(size: int, smaller: Fraction) -> float | None:
    """Return the exact two-sided p value of a signed-rank test of ``size`` untied pairs with this smaller rank sum.

    >>> round(exact_p(11, Fraction(9)), 4)
    0.0322
    """
    if size > _EXACT_PAIRS or smaller < 0 or smaller.denominator != 1 or smaller > size * (size + 1) // 4:
        return None
    return float(wilcoxon(_differences(size, int(smaller)), method="exact").pvalue)


def normal_p(size: int, smaller: Fraction) -> tuple[float, float]:
    """Return the two-sided p values of the normal approximation, without and with continuity correction.

    Papers print them too: statistics programs give them by default, and the name "p" does not tell.

    >>> tuple(round(p, 4) for p in normal_p(11, Fraction(9)))
    (0.0329, 0.0373)
    """
    differences = _differences(size, int(smaller))
    without, corrected = (wilcoxon(differences, method="asymptotic", correction=one).pvalue for one in (False, True))
    return float(without), float(corrected)


def _differences(size: int, smaller: int) -> npt.NDArray[np.float64]:
    """Return untied differences of which the negative ones have this rank sum."""
    left, differences = smaller, np.arange(1.0, size + 1)
    for rank in range(size, 0, -1):
        if rank <= left:
            differences[rank - 1] *= -1
            left -= rank
    return differences
