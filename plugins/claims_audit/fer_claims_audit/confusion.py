"""A printed confusion matrix against the rates and counts of the same model, dataset and split."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from fer_claims_audit.class_counts import sources_of_some_classes
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked
from fer_claims_audit.matrix_rates import Rate, Rates, rates_of_counts, rates_of_shares
from fer_claims_audit.paper_numbers import Paper, about, cite
from fer_claims_audit.row_sums import check_row_sums, check_shares
from fer_plugins.analysis.claims import Claim, Shares, cells_of


def check_matrices(paper: Paper) -> Iterator[Outcome]:
    """Check every number printed for the model, dataset and split of a confusion matrix against it."""
    for claim, shares in paper.share_matrices:
        yield from check_shares(paper, claim, shares)
        if shares.of == "all":
            yield from _check_matrix(paper, claim, shares)
    for claim in paper.matrices:
        yield from _check_matrix(paper, claim, None)


def _check_matrix(paper: Paper, claim: Claim, shares: Shares | None) -> Iterator[Outcome]:
    cells = claim.cells or (cells_of(claim.value) if isinstance(claim.value, list) else ())
    classes = claim.classes or tuple(map(str, range(len(cells))))
    if len(classes) != len(cells):
        yield Unchecked(about(claim), f"the confusion matrix: {len(cells)} rows, {len(classes)} class names")
    elif len(set(classes)) < len(classes):
        yield Unchecked(about(claim), "the confusion matrix: a class name appears twice in its classes")
    elif not any(Fraction(cell) for row in cells for cell in row):
        yield Unchecked(about(claim), "the confusion matrix: it holds no image")
    else:
        outcomes = list(_check(paper, claim, _readings(cells, shares, classes), len(cells)))
        if any(isinstance(outcome, Finding) for outcome in outcomes):
            turned = tuple(zip(*cells, strict=True))
            other = list(_check(paper, claim, _readings(turned, shares, classes), len(cells)))
            if not any(isinstance(outcome, Finding) for outcome in other):
                where = f"{about(claim)}, {claim.source}"
                outcomes = [Remark(where, "the numbers beside it are those of this matrix if its columns, not its "
                                   "rows, are the true classes")]  # fmt: skip
        yield from outcomes
        if shares is None:
            yield from check_row_sums(paper, claim, [[int(Fraction(cell)) for cell in row] for row in cells])


def _readings(cells: tuple[tuple[str, ...], ...], shares: Shares | None, classes: tuple[str, ...]) -> dict[str, Rates]:
    """Return the rates of a matrix for each reading of its cells: integer percentages of all images may be counts."""
    readings = {}
    values = [[Fraction(cell) for cell in row] for row in cells]
    if all(value.denominator == 1 for row in values for value in row):
        readings["counts"] = rates_of_counts([[int(value) for value in row] for row in values], classes)
    if shares is not None:
        unit = "percentages" if shares.unit == 100 else "shares"
        readings[f"{unit} of all images"] = rates_of_shares(cells, shares, classes)
    return readings


def _check(paper: Paper, claim: Claim, readings: dict[str, Rates], size: int) -> Iterator[Outcome]:
    of_some = sources_of_some_classes(paper, size)
    for number in paper.printed:
        printed = number.claim
        same = (printed.model, printed.dataset, printed.split) == (claim.model, claim.dataset, claim.split)
        general = printed.model is None and (printed.dataset, printed.split) == (claim.dataset, claim.split)
        key = (printed.metric, printed.class_name)
        if (
            printed.epoch is not None
            or printed.over
            or number.is_averaged  # a mean over folds is not the rate of their images together
            or not (same or general)
            or (printed.metric.startswith(("macro_", "weighted_", "micro_")) and printed.source in of_some)
            or not all(key in rates for rates in readings.values())
        ):
            continue
        paper.mark(number, claim)
        given = [rate for rates in readings.values() for rate in rates[key]]
        if any(number.meets(rate.low, rate.high) for rate in given):
            continue
        where = f"{about(claim)}, {claim.source}"
        cut = [rate for rate in given if number.cut[0] <= rate.high and rate.low < number.cut[1]]
        if cut:
            yield Remark(where, f"{number}: cut off, not rounded ({cut[0].how} = {cut[0]})")
            continue
        by_reading = {name: _widest(rates[key]) for name, rates in readings.items()}
        if len(by_reading) == 1:
            (rate,) = by_reading.values()
            bound = f"{printed.metric} {'=' if rate.low == rate.high else 'is'} {rate}"
            why = [rate.how]
        else:
            listed = ", ".join(f"{rate} if its cells are {name}" for name, rate in by_reading.items())
            bound = f"{printed.metric} is {listed}"
            why = [f"{name}: {rate.how}" for name, rate in by_reading.items()]
        yield Finding("confusion matrix", where, (cite(number),), bound, tuple(why))


def _widest(rates: tuple[Rate, ...]) -> Rate:
    """Return the usual rate of counts, or the range of fractions, whether they were rounded or truncated."""
    if rates[0].low == rates[0].high:
        return rates[0]
    low, high = min(rate.low for rate in rates), max(rate.high for rate in rates)
    return Rate(low, high, "; ".join(dict.fromkeys(rate.how for rate in rates)))
