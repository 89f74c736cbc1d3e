"""Consistency of printed Wilcoxon signed-rank tests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fer_claims_audit.findings import Finding, Outcome, Remark, show
from fer_claims_audit.paper_numbers import Paper, about, cite, group
from fer_plugins.analysis.claims import Printed
from fer_plugins.runtime.errors import InputError

_EXACT_PAIRS = 50  # maximum number of pairs for exact p-values of scipy.stats.wilcoxon


def check_signed_ranks(paper: Paper) -> Iterator[Outcome]:
    """Check every Wilcoxon test of the file.

    Metrics: ``wilcoxon_n``, ``wilcoxon_w`` (the smaller rank sum), ``wilcoxon_rank_sum_positive``, ``_negative``,
    ``wilcoxon_signed_rank_sum`` (their difference), ``wilcoxon_p``, ``wilcoxon_significant_at_LEVEL`` (1 or 0).
    """
    numbers = [number for number in paper.printed if number.claim.metric.startswith("wilcoxon_")]
    for printed in group(numbers, lambda c: (c.model, c.dataset, c.split, c.source)):
        table = {number.claim.metric.removeprefix("wilcoxon_"): number for number in printed}
        pairs = table.get("n")
        if pairs and pairs.value >= 1:
            size, where = int(pairs.value), about(pairs.claim)
            paper.mark(*(printed if len(printed) > 1 else ()))
            claimed = _claimed_levels(paper, table)
            yield from _rank_sums(table, size, where, claimed)
            yield from _levels(pairs, size, where, claimed)
            yield from _p_value(table, size, where)


def _claimed_levels(paper: Paper, table: dict[str, Printed]) -> list[tuple[float, Printed]]:
    levels = {_read_level(paper, name): number for name, number in table.items() if name.startswith("significant")}
    return [(level, number) for level, number in levels.items() if number.value == 1]


def _rank_sums(
    table: dict[str, Printed], size: int, where: str, claimed: list[tuple[float, Printed]]
) -> Iterator[Outcome]:
    """Check that the rank sums total n(n + 1)/2; pairs without a difference are left out before or after ranking."""
    positive, negative = table.get("rank_sum_positive"), table.get("rank_sum_negative")
    if not positive or not negative:
        return
    sums = (positive.value, negative.value)
    total, needed, least = sum(sums, Fraction(0)), Fraction(size * (size + 1), 2), min(sums)
    numbers = (cite(table["n"]), cite(positive), cite(negative))
    if total != needed:
        lines = [
            f"n(n + 1)/2 = {size} x {size + 1}/2 = {show(needed)}; {show(sums[0])} + {show(sums[1])} = {show(total)}"
        ]
        smaller, ranked = _pairs_of(total), _pairs_of(needed - total)
        refuted = possible = False
        if smaller is not None and smaller <= size:
            p = exact_p(smaller, least)
            refuted = any(p is not None and p / 2 >= level for level, _ in claimed)  # nor by a one-sided test
            possible = not refuted
            lines.append(
                f"it is the total for n = {smaller} ({size - smaller} pairs without a difference); then exact p = "
                + (f"{p:.4g}" if p is not None else "unknown")
                + (
                    f" (one-sided {p / 2:.4g}), not below the {claimed[0][0]:g} that is claimed"
                    if p and refuted
                    else ""
                )
            )
        else:
            lines.append(f"it is n(n + 1)/2 for no n up to {size}, so pairs without a difference do not explain it")
        if ranked is not None and ranked < size and (least == 0 or least > ranked):
            possible = True
            lines.append(f"it is what Pratt's method leaves where {ranked} pairs have no difference")
        if possible:
            yield Remark(where, f"{', '.join(numbers)}: {'; '.join(lines)}")
        else:
            yield Finding("rank sums", where, numbers, f"rank sums total {show(needed)}", tuple(lines))
    signed = table.get("signed_rank_sum")
    difference = sums[0] - sums[1]
    if signed and abs(signed.value) != abs(difference):
        lines = [f"{show(sums[0])} - {show(sums[1])} = {show(difference)}"]
        if signed.value == least:
            lines.append(f"{show(least)} is the smaller of the two sums, which is W by another definition")
        yield Finding(
            "rank sums", where, (cite(signed), cite(positive), cite(negative)),
            f"the sum of signed ranks is {show(difference)}", tuple(lines),
        )  # fmt: skip


def _levels(pairs: Printed, size: int, where: str, claimed: list[tuple[float, Printed]]) -> Iterator[Outcome]:
    """Check levels: no test on n pairs can be significant below the p of n differences of one sign."""
    for level, number in claimed:
        least = Fraction(2, 2 ** min(size, 64))
        if least < Fraction(repr(level)):
            continue
        approximate = min(normal_p(size, Fraction(0))[0], tied_p(size, Fraction(0)))
        ways = {"one-sided": float(least) / 2, "by the normal approximation": approximate}
        open_ways = [f"{name} ({p:.4f})" for name, p in ways.items() if p < level]
        if open_ways:
            yield Remark(where, f"{number}: only {' or '.join(open_ways)}; two-sided exact p >= {show(least, 4)}")
            continue
        if approximate / 2 < level:
            yield Remark(where, f"{number}: only one-sided by the normal approximation ({approximate / 2:.4f})")
            continue
        yield Finding(
            "p value", where, (cite(pairs), cite(number)), f"two-sided exact p >= {show(least, 4)}",
            (f"all {size} differences of one sign, the rarest case: 2/2^{size} = {show(least, 4)} >= {level:g}; "
             f"one-sided half of it, by the normal approximation {normal_p(size, Fraction(0))[0]:.4g}",),
        )  # fmt: skip


def _p_value(table: dict[str, Printed], size: int, where: str) -> Iterator[Finding]:
    """Check that p is among those of the test's variants, including ties and one-sided tests."""
    printed, w = table.get("p"), table.get("w")
    if not printed or not w or (p := exact_p(size, w.value)) is None:
        return
    normal, tied = normal_p(size, w.value), tied_p(size, w.value)
    low, high = (Fraction(end) for end in (min(p, *normal, tied), max(p, *normal, tied)))
    if not (printed.meets(low, high) or printed.meets(low / 2, high / 2)):
        yield Finding(
            "p value", where, (cite(printed), cite(w), cite(table["n"])), f"two-sided exact p = {p:.4g}",
            (f"scipy.stats.wilcoxon on {size} untied differences whose smaller rank sum is {show(w.value)}; normal "
             f"approximation {normal[0]:.4g}, with continuity correction {normal[1]:.4g}, all ranks tied {tied:.4g}; "
             "nor is it half of these, one-sided",),
        )  # fmt: skip


def _read_level(paper: Paper, name: str) -> float:
    """Return the level in a metric's name, such as "significant_at_0.01"."""
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
    """Return the exact two-sided p-value of a signed-rank test of ``size`` untied pairs with this smaller rank sum.

    >>> round(exact_p(11, Fraction(9)), 4)
    0.0322
    """
    if size > _EXACT_PAIRS or smaller < 0 or smaller.denominator != 1 or smaller > size * (size + 1) // 4:
        return None
    from scipy.stats import wilcoxon  # takes half a second to import

    return float(wilcoxon(_differences(size, int(smaller)), method="exact").pvalue)


def normal_p(size: int, smaller: Fraction) -> tuple[float, float]:
    """Return the two-sided p-values of the normal approximation, without and with continuity correction.

    Papers print them too: statistics programs report them by default, and the name "p" does not distinguish them.

    >>> tuple(round(p, 4) for p in normal_p(11, Fraction(9)))
    (0.0329, 0.0367)
    """
    from scipy.stats import wilcoxon

    differences = _differences(size, int(smaller))
    without, corrected = (
        wilcoxon(differences, method="asymptotic", correction=continuity).pvalue for continuity in (False, True)
    )
    return float(without), float(corrected)


def tied_p(size: int, smaller: Fraction) -> float:
    """Return the two-sided p-value of the normal approximation if all differences have the same size.

    Ties reduce the variance n(n + 1)(2n + 1)/24 by sum (t^3 - t)/48, which is largest if all n are tied.

    >>> round(tied_p(11, Fraction(9)), 4)
    0.0159
    """
    variance = size * (size + 1) * (2 * size + 1) / 24 - (size**3 - size) / 48
    return math.erfc(float(Fraction(size * (size + 1), 4) - smaller) / math.sqrt(2 * variance))


def _differences(size: int, smaller: int) -> npt.NDArray[np.float64]:
    """Return untied differences whose negative ones have this rank sum."""
    left, differences = smaller, np.arange(1.0, size + 1)
    for rank in range(size, 0, -1):
        if rank <= left:
            differences[rank - 1] *= -1
            left -= rank
    return differences
