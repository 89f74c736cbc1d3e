"""The per-class tables of a paper, and the means that it prints for them."""

from __future__ import annotations

from dataclasses import dataclass

from fer_claims_audit.formulae import RATIOS
from fer_claims_audit.paper_numbers import Paper, about, group
from fer_plugins.analysis.claims import Claim, Printed


@dataclass(frozen=True)
class Table:
    """One printed table of rates by class, and the means below it."""

    rows: dict[str, dict[str, Printed]]  # class -> metric of RATIOS -> number
    below: dict[str, Printed]  # metric -> number, of all classes

    @property
    def first(self) -> Printed:
        """Some number of the table."""
        return next(iter(next(iter(self.rows.values())).values()))

    @property
    def about(self) -> str:
        """What the table speaks of."""
        return f"{about(self.first.claim)}, {self.first.claim.source}"

    @property
    def averaged(self) -> str | None:
        """What its numbers are means over ("folds", "runs"); None: they are rates of all images."""
        numbers = (number for row in (*self.rows.values(), self.below) for number in row.values())
        return next((number.claim.averaged for number in numbers if number.is_averaged), None)


def tables(paper: Paper) -> list[Table]:
    """Collect the per-class tables of a paper: one a model, dataset, split and source."""
    tables = []
    of_runs = (number for number in paper.printed if number.claim.epoch is None)
    for numbers in group(of_runs, lambda c: (c.model, c.dataset, c.split, c.source)):
        rows: dict[str, dict[str, Printed]] = {}
        for number in numbers:
            if number.claim.class_name and number.claim.metric in RATIOS:
                rows.setdefault(number.claim.class_name, {})[number.claim.metric] = number
        if rows:
            below = {number.claim.metric: number for number in numbers if number.claim.class_name is None}
            tables.append(Table(rows, {**_elsewhere(paper, numbers[0].claim), **below}))
    return tables


def _elsewhere(paper: Paper, claim: Claim) -> dict[str, Printed]:
    """Return the means that other places of the paper print for a table's model, dataset and split, one value each."""
    if claim.split == "not_stated" or claim.averaged:
        return {}
    same = [
        number
        for number in paper.printed
        if number.claim.class_name is None
        and number.claim.epoch is None
        and number.claim.over is None
        and not number.is_averaged
        and (number.claim.model, number.claim.dataset, number.claim.split) == (claim.model, claim.dataset, claim.split)
    ]
    means = {}
    for numbers in group(same, lambda c: c.metric):
        finest = min(numbers, key=lambda number: number.high - number.low)
        if all(number.meets(finest.low, finest.high) for number in numbers):  # else they are printed twice, and differ
            means[finest.claim.metric] = finest
    return means
