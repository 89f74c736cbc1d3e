"""Per-class tables: F1 against precision and recall, rows against class counts, printed means against rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import attrgetter

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
            tables.append(Table(rows, below))
    return tables


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
        key = attrgetter("model", "dataset", "split")
        if key(claim) in map(key, paper.matrices):
            continue  # the matrix itself says what the rows must be
        counts = stated(paper, claim)
        fitting = [known for known in counts if known.counts.keys() == table.rows.keys() and all(known.counts.values())]
        if fitting:
            sound = _sound(table, wrong)
            yield from _in_every_reading({known.source: list(_against_counts(sound, known)) for known in fitting})
        elif {"precision", "recall"} <= set().union(*table.rows.values()):
            why = "class names of table and counts differ" if counts else "no class counts of this split are known"
            yield Unchecked(table.about, f"rows against the test set: {why}")


def _in_every_reading(outcomes: dict[str, list[Outcome]]) -> Iterator[Outcome]:
    """Keep what is wrong under every class counts that the split may have; what only some exclude is a remark."""
    key = attrgetter("kind", "about")
    findings = {source: [item for item in listed if isinstance(item, Finding)] for source, listed in outcomes.items()}
    everywhere = set.intersection(*(set(map(key, listed)) for listed in findings.values()))
    first = next(iter(outcomes))
    fits = [source for source, listed in findings.items() if not listed]
    for finding in findings[first]:
        if key(finding) in everywhere:
            bounds = {
                source: same.bound
                for source, listed in findings.items()
                for same in listed
                if source != first and key(same) == key(finding)
            }
            more = tuple(f"nor with the class counts of {source}: {bound}" for source, bound in bounds.items())
            yield replace(finding, certificate=(*finding.certificate, *more))
    for source, listed in findings.items():
        for finding in listed:
            if key(finding) not in everywhere:
                possible = f"; possible with {' or '.join(fits)}" if fits else ""
                yield Remark(finding.about, f"not with the class counts of {source}: {finding.bound}{possible}")
    yield from (finding for finding in outcomes[fits[0] if fits else first] if not isinstance(finding, Finding))


def _sound(table: Table, wrong: list[Finding]) -> Table:
    """Leave out what was already found wrong: an F1 that its row excludes, a mean that is not that of the rows."""
    excluded = {finding.printed[-1] for finding in wrong}  # the number that the others exclude comes last
    rows = {
        name: {metric: number for metric, number in row.items() if str(number) not in excluded}
        for name, row in table.rows.items()
    }
    return Table(rows, {metric: number for metric, number in table.below.items() if str(number) not in excluded})


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
        low, high = (sum(ends) / len(column) for ends in zip(*((cell.low, cell.high) for cell in column), strict=True))
        if not mean.meets(low, high):
            yield Finding(
                "means of rows", table.about, (str(mean),), f"macro {metric} is {span(low, high)}",
                (f"({' + '.join(show(number.value) for number in column)}) / {len(column)}, each with its rounding",),
            )  # fmt: skip


def _against_counts(table: Table, counts: ClassCounts) -> Iterator[Outcome]:
    """Check hand-checkable bounds first; the programme over confusion matrices only where they hold."""
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
            "rows", table.about, tuple(str(mean) for _, mean in means),
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
