"""Per-class tables: F1 against precision and recall, rows against class counts, printed means against rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter

from fer_claims_audit.class_counts import ClassCounts, complete_classes, rated_classes, stated
from fer_claims_audit.class_tables import Table, against_counts, tables
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show, span
from fer_claims_audit.formulae import RATIOS, harmonic_mean
from fer_claims_audit.paper_numbers import Paper, cite, several_labels
from fer_claims_audit.rows_of_images import check_without_counts
from fer_plugins.analysis.claims import suggest

_COMPARED = {"accuracy", *(f"{mean}_{metric}" for mean in ("macro", "weighted", "micro") for metric in RATIOS)}
_MOST = 10  # maximum number of expression classes: FER+ with its two that are not expressions


def check_rows(paper: Paper) -> Iterator[Outcome]:
    """Check every per-class table on its own and against the class counts of its split."""
    for table in tables(paper):
        if table.averaged:
            check = "the rows with each other and with the class counts"
            yield Unchecked(table.about, f"{check}: a mean over {table.averaged} of a ratio is not a ratio of means")
            continue
        outcomes = [*_f1_of_classes(paper, table), *_macro_means(paper, table)]
        yield from outcomes
        wrong = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
        claim = table.first.claim
        key = attrgetter("model", "dataset", "split")
        if key(claim) in map(key, paper.matrices):
            continue  # the matrix itself determines the rows
        counts = stated(paper, claim)
        fitting = [
            candidate
            for candidate in counts
            if candidate.counts.keys() == table.rows.keys() and all(candidate.counts.values())
        ]
        several = several_labels(paper, list(table.below.values()))
        if several:
            yield Unchecked(table.about, f"rows against the test set: {several}")
        elif fitting:
            paper.mark(*(number for row in table.rows.values() for number in row.values()))
            paper.mark(*(number for metric, number in table.below.items() if metric in _COMPARED))
            sound = _sound(table, wrong)
            yield from _in_every_reading(
                {candidate.source: list(against_counts(sound, candidate)) for candidate in fitting}
            )
        else:
            yield Unchecked(table.about, f"rows against the test set: {_why_not(table, counts)}")
        if not fitting:
            yield from check_without_counts(paper, _sound(table, wrong), one_label=not several)


def _why_not(table: Table, counts: list[ClassCounts]) -> str:
    if not counts:
        return "the class counts of this split are not known"
    names = counts[0].counts
    unknown = [f"{name!r}{suggest(name, names)}" for name in table.rows if name not in names]
    if unknown:
        return f"{counts[0].source} has no class {', '.join(unknown)}"
    missing = [name for name in names if name not in table.rows]
    return f"no row of {', '.join(missing)}" if missing else "a class without images"


def _in_every_reading(outcomes: dict[str, list[Outcome]]) -> Iterator[Outcome]:
    """Keep findings that hold for all possible class counts; those excluded only by some are a remark."""
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
    """Remove numbers already found wrong: an F1 that its row excludes, a mean that is not that of the rows."""
    excluded = {finding.printed[-1] for finding in wrong}  # the number excluded by the others is last
    rows = {
        name: {metric: number for metric, number in row.items() if str(number) not in excluded}
        for name, row in table.rows.items()
    }
    return Table(rows, {metric: number for metric, number in table.below.items() if str(number) not in excluded})


def _f1_of_classes(paper: Paper, table: Table) -> Iterator[Finding]:
    for name, row in table.rows.items():
        if not set(RATIOS) <= row.keys():
            continue
        precision, recall, f1 = (row[metric] for metric in RATIOS)
        paper.mark(precision, recall, f1)
        low, high = harmonic_mean(precision.low, recall.low), harmonic_mean(precision.high, recall.high)
        if f1.meets(low, high):
            continue
        side, bound = ((precision.high, recall.high), high) if f1.low > high else ((precision.low, recall.low), low)
        yield Finding(
            "F1 of a class", f"{table.about}, class {name}", (cite(precision), cite(recall), cite(f1)),
            f"F1 {'<=' if f1.low > high else '>='} {show(bound)}",
            (f"2PR/(P + R) grows with P and R: 2 x {show(side[0])} x {show(side[1])} / ({show(side[0])} + "
             f"{show(side[1])}) = {show(bound)}; printed is {span(f1.low, f1.high)}",),
        )  # fmt: skip


def _macro_means(paper: Paper, table: Table) -> Iterator[Outcome]:
    claim = table.first.claim
    # The rows may omit a class without images, which its counts omit as well.
    is_complete = frozenset(table.rows) in complete_classes(paper, claim.dataset) and not (
        rated_classes(paper, claim.dataset, claim.split) - table.rows.keys()
    )
    for metric in RATIOS:
        mean = table.below.get(f"macro_{metric}")
        if mean is None or not all(metric in row for row in table.rows.values()):
            continue
        paper.mark(mean, *(row[metric] for row in table.rows.values()))
        column = [row[metric] for row in table.rows.values()]
        low, high = (sum(ends) / len(column) for ends in zip(*((cell.low, cell.high) for cell in column), strict=True))
        zeros = sum(
            1 for cell in column if cell.low == 0
        )  # a rate without images may be printed so, and left out of means
        most = high * len(column) / (len(column) - zeros) if zeros < len(column) else high
        if mean.meets(low, most):
            continue
        how = f"({' + '.join(show(number.value) for number in column)}) / {len(column)}, each with its rounding"
        more = range(len(column) + 1, max(_MOST, len(column) + 1) + 1)  # rows that the table may omit
        ends = [(low * len(column) / k, (high * len(column) + k - len(column)) / (k - zeros)) for k in more]
        if not is_complete and any(mean.meets(*interval) for interval in ends):
            yield Remark(table.about, f"{mean} is not the mean of the rows, {span(low, high)}: are classes left out?")
            continue
        yield Finding("means of rows", table.about, (cite(mean),), f"macro {metric} is {span(low, high)}", (how,))
