"""The per-class tables of a paper, and checks of their rows against the images per class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from fer_claims_audit.class_counts import ClassCounts
from fer_claims_audit.findings import Cited, Finding, Outcome, Remark, show, span
from fer_claims_audit.formulae import RATIOS
from fer_claims_audit.granularity import reachable
from fer_claims_audit.multiclass import Window, nearest_matrix
from fer_claims_audit.paper_numbers import Paper, about, cite, group
from fer_plugins.analysis.claims import Claim, Printed, title


@dataclass(frozen=True)
class Table:
    """One printed table of rates by class, and the means below it."""

    rows: dict[str, dict[str, Printed]]  # class -> metric of RATIOS -> number
    below: dict[str, Printed]  # metric -> number, over all classes

    @property
    def first(self) -> Printed:
        """One of the numbers of the table."""
        return next(iter(next(iter(self.rows.values())).values()))

    @property
    def about(self) -> str:
        """Subject of the table."""
        return f"{about(self.first.claim)}, {self.first.claim.source}"

    @property
    def averaged(self) -> str | None:
        """What its numbers are averages over ("folds", "runs"); None: they are rates over all images."""
        numbers = (number for row in (*self.rows.values(), self.below) for number in row.values())
        return next((number.claim.averaged for number in numbers if number.is_averaged), None)


def tables(paper: Paper) -> list[Table]:
    """Collect the per-class tables of a paper: one per model, dataset, split and source."""
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
    """Return the means printed elsewhere for a table's model, dataset and split, one value each."""
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


_MEANS = ("accuracy", "macro_recall", "macro_specificity")  # linear in the matrix


def against_counts(table: Table, counts: ClassCounts) -> Iterator[Outcome]:
    """Check simple bounds first, and search for a confusion matrix only if they hold."""
    outcomes: list[Outcome] = [*_whole_hits(table, counts), *_accuracy(table, counts)]
    outcomes += [*_predictions(table, counts), *_weighted_means(table, counts)]
    yield from outcomes
    if any(isinstance(outcome, Finding) for outcome in outcomes):
        return
    windows = [
        Window(metric, number.low, number.high, str(number), name)
        for name, row in table.rows.items()
        for metric, number in row.items()
    ]
    means = [(metric, table.below[metric]) for metric in _MEANS if metric in table.below]
    windows += [Window(metric, mean.low, mean.high, str(mean)) for metric, mean in means]
    miss = nearest_matrix(counts.counts, windows)
    if miss is None:
        yield Remark(table.about, "whether a confusion matrix has these rows was not settled in the time allowed")
    elif miss.images > 0:
        yield Finding(
            "rows", table.about, tuple(cite(mean) for _, mean in means),
            "a confusion matrix with these class counts has all printed rates", (str(counts), *miss.certificate),
        )  # fmt: skip


def _whole_hits(table: Table, counts: ClassCounts) -> Iterator[Finding]:
    for name, row in table.rows.items():
        recall, size = row.get("recall"), counts.counts[name]
        if recall is not None and not reachable(recall.low, recall.high, size):
            hits = recall.value * size // 1
            around = ", ".join(f"{int(k)}/{size:,} = {show(k / size, 6)}" for k in (hits, hits + 1))
            yield Finding(
                "granularity", f"{table.about}, class {name}", (cite(recall),), f"recall = k/{size:,}",
                (f"{around}; {counts.source}",),
            )  # fmt: skip


def _accuracy(table: Table, counts: ClassCounts) -> Iterator[Finding]:
    rates = [table.below[metric] for metric in ("accuracy", "micro_recall", "micro_f1") if metric in table.below]
    if not all("recall" in row for row in table.rows.values()):
        return
    low, high = _weighted(table, counts, "recall")
    for accuracy in (rate for rate in rates if not rate.meets(low, high)):
        yield Finding(
            "rows", table.about, (cite(accuracy), *(cite(row["recall"]) for row in table.rows.values())),
            f"{title(accuracy.claim.metric)} is {span(low, high)}",
            (str(counts), f"accuracy is the sum of images x recall over the classes / {counts.total:,}: "
             f"{_sum(table, counts, low=high < accuracy.low)}"),
        )  # fmt: skip


def _sum(table: Table, counts: ClassCounts, *, low: bool) -> str:
    """Format the sum of images x recall; ``low``: the printed accuracy is above it, so the upper ends are used."""
    ends = [(counts.counts[name], row["recall"].high if low else row["recall"].low) for name, row in table.rows.items()]
    value = sum(size * end for size, end in ends) / counts.total
    return f"({' + '.join(f'{size} x {show(end)}' for size, end in ends)}) / {counts.total:,} = {show(value)}"


def _predictions(table: Table, counts: ClassCounts) -> Iterator[Finding]:
    """Check the sum of the predictions of each class: every image is predicted once."""
    if not all({"precision", "recall"} <= row.keys() for row in table.rows.values()):
        return
    if any(row["precision"].low == 0 for row in table.rows.values()):
        most = None
    else:
        most = sum(counts.counts[name] * row["recall"].high / row["precision"].low for name, row in table.rows.items())
    least = sum(
        counts.counts[name] * row["recall"].low / row["precision"].high for name, row in table.rows.items()
        if row["precision"].high
    )  # fmt: skip
    printed = tuple(
        Cited(f"{name} P {row['precision'].claim.written}, R {row['recall'].claim.written}",
              (row["precision"].claim, row["recall"].claim))
        for name, row in table.rows.items()
    )  # fmt: skip
    if least > counts.total:
        terms = [f"{counts.counts[name]} x {show(row['recall'].low)} / {show(row['precision'].high)}"
                 for name, row in table.rows.items()]  # fmt: skip
        bound, how = f"at least {show(least, 6)} predictions", " + ".join(terms)
    elif most is not None and most < counts.total:
        terms = [f"{counts.counts[name]} x {show(row['recall'].high)} / {show(row['precision'].low)}"
                 for name, row in table.rows.items()]  # fmt: skip
        bound, how = f"at most {show(most, 6)} predictions", " + ".join(terms)
    else:
        return
    yield Finding(
        "rows", table.about, printed, f"{bound} for {counts.total:,} images",
        (str(counts), f"a class is predicted images x recall / precision times: {how}"),
    )  # fmt: skip


def _weighted_means(table: Table, counts: ClassCounts) -> Iterator[Finding]:
    for metric in RATIOS:
        mean = table.below.get(f"weighted_{metric}")
        if mean is None or not all(metric in row for row in table.rows.values()):
            continue
        low, high = _weighted(table, counts, metric)
        if not mean.meets(low, high):
            why = (str(counts), f"sum of images x {metric} over the classes / {counts.total:,}")
            yield Finding("means of rows", table.about, (cite(mean),), f"weighted {metric} is {span(low, high)}", why)


def _weighted(table: Table, counts: ClassCounts, metric: str) -> tuple[Fraction, Fraction]:
    low = sum((counts.counts[name] * row[metric].low for name, row in table.rows.items()), Fraction(0))
    high = sum((counts.counts[name] * row[metric].high for name, row in table.rows.items()), Fraction(0))
    return low / counts.total, high / counts.total
