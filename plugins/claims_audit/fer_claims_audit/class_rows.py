"""Per-class tables: F1 against precision and recall, rows against class counts, printed means against rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from fer_claims_audit.class_counts import ClassCounts, stated
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show, span
from fer_claims_audit.formulae import RATIOS, harmonic_mean
from fer_claims_audit.granularity import reachable
from fer_claims_audit.multiclass import Window, nearest_matrix
from fer_claims_audit.paper_numbers import Paper, about, group
from fer_plugins.analysis.claims import Printed

_MEANS = ("accuracy", "macro_recall", "macro_specificity")  # linear in the matrix


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
        numbers = (one for row in (*self.rows.values(), self.below) for one in row.values())
        return next((one.claim.averaged for one in numbers if one.is_averaged), None)


def tables(paper: Paper) -> list[Table]:
    """Collect the per-class tables of a paper: one a model, dataset, split and source."""
    found = []
    of_runs = (one for one in paper.printed if one.claim.epoch is None)
    for numbers in group(of_runs, lambda c: (c.model, c.dataset, c.split, c.source)):
        rows: dict[str, dict[str, Printed]] = {}
        for one in numbers:
            if one.claim.class_name and one.claim.metric in RATIOS:
                rows.setdefault(one.claim.class_name, {})[one.claim.metric] = one
        if rows:
            below = {one.claim.metric: one for one in numbers if one.claim.class_name is None}
            found.append(Table(rows, below))
    return found


def check_rows(paper: Paper) -> Iterator[Outcome]:
    """Check every per-class table by itself and against the class counts of its split."""
    for table in tables(paper):
        if table.averaged:
            what = "the rows with each other and with the class counts"
            yield Unchecked(table.about, f"{what}: a mean over {table.averaged} of a ratio is no ratio of means")
            continue
        wrong = [*_f1_of_classes(table), *_macro_means(table)]
        yield from wrong
        claim = table.first.claim
        if any(
            (one.model, one.dataset, one.split) == (claim.model, claim.dataset, claim.split) for one in paper.matrices
        ):
            continue  # the matrix itself says what the rows must be
        known = stated(paper, claim)
        fitting = [one for one in known if set(one.counts) == set(table.rows) and min(one.counts.values()) > 0]
        if fitting:
            sound = _sound(table, wrong)
            yield from _in_every_reading({one.source: list(_against_counts(sound, one)) for one in fitting})
        elif {"precision", "recall"} <= set().union(*table.rows.values()):
            why = "class names of table and counts differ" if known else "no class counts of this split are known"
            yield Unchecked(table.about, f"rows against the test set: {why}")


def _in_every_reading(outcomes: dict[str, list[Outcome]]) -> Iterator[Outcome]:
    """Keep what is wrong under every class counts that the split may have; what only some exclude is a remark."""
    found = {source: [one for one in each if isinstance(one, Finding)] for source, each in outcomes.items()}
    everywhere = set.intersection(*({(one.kind, one.about) for one in each} for each in found.values()))
    first = next(iter(outcomes))
    fits = [source for source, each in found.items() if not each]
    for one in found[first]:
        if (one.kind, one.about) in everywhere:
            others = {
                source: other.bound
                for source, each in found.items()
                for other in each
                if source != first and (other.kind, other.about) == (one.kind, one.about)
            }
            more = tuple(f"nor with the class counts of {source}: {bound}" for source, bound in others.items())
            yield replace(one, certificate=(*one.certificate, *more))
    for source, each in found.items():
        for one in each:
            if (one.kind, one.about) not in everywhere:
                possible = f"; possible with {' or '.join(fits)}" if fits else ""
                yield Remark(one.about, f"not with the class counts of {source}: {one.bound}{possible}")
    yield from (one for one in outcomes[fits[0] if fits else first] if not isinstance(one, Finding))


def _sound(table: Table, wrong: list[Finding]) -> Table:
    """Leave out what was already found wrong: an F1 that its row excludes, a mean that is not that of the rows."""
    said = {one.printed[-1] for one in wrong}  # the number that the others exclude comes last
    rows = {
        name: {metric: one for metric, one in row.items() if str(one) not in said} for name, row in table.rows.items()
    }
    return Table(rows, {metric: one for metric, one in table.below.items() if str(one) not in said})


def _f1_of_classes(table: Table) -> Iterator[Finding]:
    for name, row in table.rows.items():
        if not set(RATIOS) <= row.keys():
            continue
        precision, recall, f1 = (row[metric] for metric in RATIOS)
        low, high = harmonic_mean(precision.low, recall.low), harmonic_mean(precision.high, recall.high)
        if f1.meets(low, high):
            continue
        side, bound = ((precision.high, recall.high), high) if f1.low > high else ((precision.low, recall.low), low)
        yield Finding(
            "F1 of a class", f"{table.about}, class {name}", (str(precision), str(recall), str(f1)),
            f"F1 {'<=' if f1.low > high else '>='} {show(bound)}",
            (f"2PR/(P + R) grows with P and R: 2 x {show(side[0])} x {show(side[1])} / ({show(side[0])} + "
             f"{show(side[1])}) = {show(bound)}; printed is {span(f1.low, f1.high)}",),
        )  # fmt: skip


def _macro_means(table: Table) -> Iterator[Finding]:
    for metric in RATIOS:
        mean = table.below.get(f"macro_{metric}")
        if mean is None or not all(metric in row for row in table.rows.values()):
            continue
        column = [row[metric] for row in table.rows.values()]
        low, high = (sum(ends) / len(column) for ends in zip(*((one.low, one.high) for one in column), strict=True))
        if not mean.meets(low, high):
            yield Finding(
                "means of rows", table.about, (str(mean),), f"macro {metric} is {span(low, high)}",
                (f"({' + '.join(show(one.value) for one in column)}) / {len(column)}, each with its rounding",),
            )  # fmt: skip


def _against_counts(table: Table, counts: ClassCounts) -> Iterator[Outcome]:
    """Check hand-checkable bounds first; the programme over confusion matrices only where they hold."""
    found: list[Outcome] = [*_whole_hits(table, counts), *_accuracy(table, counts)]
    found += [*_predictions(table, counts), *_weighted_means(table, counts)]
    yield from found
    if any(isinstance(one, Finding) for one in found):
        return
    windows = [
        Window(metric, one.low, one.high, str(one), name)
        for name, row in table.rows.items()
        for metric, one in row.items()
    ]
    windows += [
        Window(metric, one.low, one.high, str(one)) for metric in _MEANS if (one := table.below.get(metric)) is not None
    ]
    miss = nearest_matrix(counts.counts, windows)
    if miss is None:
        yield Remark(table.about, "whether a confusion matrix has these rows was not settled in the time allowed")
    elif miss.images > 0:
        yield Finding(
            "rows", table.about, tuple(str(table.below[metric]) for metric in _MEANS if metric in table.below),
            "a confusion matrix with these class counts has all printed rates", (str(counts), *miss.certificate),
        )  # fmt: skip


def _whole_hits(table: Table, counts: ClassCounts) -> Iterator[Finding]:
    for name, row in table.rows.items():
        recall, size = row.get("recall"), counts.counts[name]
        if recall is not None and not reachable(recall.low, recall.high, size):
            hits = recall.value * size // 1
            around = ", ".join(f"{int(k)}/{size:,} = {show(k / size, 6)}" for k in (hits, hits + 1))
            yield Finding(
                "granularity", f"{table.about}, class {name}", (str(recall),), f"recall = k/{size:,}",
                (f"{around}; {counts.source}",),
            )  # fmt: skip


def _accuracy(table: Table, counts: ClassCounts) -> Iterator[Finding]:
    accuracy = table.below.get("accuracy")
    if accuracy is None or not all("recall" in row for row in table.rows.values()):
        return
    low, high = _weighted(table, counts, "recall")
    if not accuracy.meets(low, high):
        yield Finding(
            "rows", table.about, (str(accuracy), *(str(row["recall"]) for row in table.rows.values())),
            f"accuracy is {span(low, high)}",
            (str(counts), f"accuracy is the sum of images x recall over the classes / {counts.total:,}: "
             f"{_sum(table, counts, low=high < accuracy.low)}"),
        )  # fmt: skip


def _sum(table: Table, counts: ClassCounts, *, low: bool) -> str:
    """Write the sum of images x recall out; ``low``: the printed accuracy is above it, so the upper ends are used."""
    ends = [(counts.counts[name], row["recall"].high if low else row["recall"].low) for name, row in table.rows.items()]
    value = sum(size * end for size, end in ends) / counts.total
    return f"({' + '.join(f'{size} x {show(end)}' for size, end in ends)}) / {counts.total:,} = {show(value)}"


def _predictions(table: Table, counts: ClassCounts) -> Iterator[Finding]:
    """Sum up how often each class must have been predicted; every image is predicted once."""
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
    printed = tuple(f"{name} P {row['precision'].claim.written}, R {row['recall'].claim.written}"
                    for name, row in table.rows.items())  # fmt: skip
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
            yield Finding("means of rows", table.about, (str(mean),), f"weighted {metric} is {span(low, high)}", why)


def _weighted(table: Table, counts: ClassCounts, metric: str) -> tuple[Fraction, Fraction]:
    low = sum((counts.counts[name] * row[metric].low for name, row in table.rows.items()), Fraction(0))
    high = sum((counts.counts[name] * row[metric].high for name, row in table.rows.items()), Fraction(0))
    return low / counts.total, high / counts.total
