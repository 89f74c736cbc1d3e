"""Bounds on per-class rows by the total number of images, a class's images, and the accuracy, without class counts."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from fer_claims_audit.class_counts import complete_classes, sizes, stated
from fer_claims_audit.class_tables import Table
from fer_claims_audit.findings import Finding, show, span
from fer_claims_audit.granularity import around, reachable
from fer_claims_audit.paper_numbers import Paper, cite
from fer_plugins.analysis.claims import Printed, title

_ACCURACIES = ("accuracy", "macro_recall", "micro_recall", "weighted_recall")  # weighted means of the recalls


def check_without_counts(paper: Paper, table: Table, *, one_label: bool) -> Iterator[Finding]:
    """Check that each rate is a fraction of at most all images, and that the accuracy is a mean of the recalls.

    Args:
        paper: all numbers.
        table: rows of rates; the images of some of its classes are unknown.
        one_label: whether every image has one label, so that the accuracy is the mean of recalls weighted by images.
    """
    origins, known = sizes(paper, table.first.claim), stated(paper, table.first.claim)
    for name, row in table.rows.items():
        if known and not any(counts.counts.get(name) for counts in known):
            continue  # a class that the split does not have: reported elsewhere
        for number in row.values() if origins else ():
            paper.mark(number)
            yield from _fraction(table, number, max(origins), origins[max(origins)])
        if "recall" in row and known:
            paper.mark(row["recall"])
            yield from _whole_hits(table, row["recall"], {c.counts[name]: c.source for c in known if name in c.counts})
    recalls = [row["recall"] for row in table.rows.values() if "recall" in row]
    complete = frozenset(table.rows) in complete_classes(paper, table.first.claim.dataset)
    if not (one_label and complete and len(recalls) == len(table.rows)):
        return
    low, high = min(number.low for number in recalls), max(number.high for number in recalls)
    for mean in (table.below[metric] for metric in _ACCURACIES if metric in table.below):
        paper.mark(mean, *recalls)
        if not mean.meets(low, high):
            bound = f"{title(mean.claim.metric)} is {span(low, high)}"
            yield Finding(
                "rows", table.about, (cite(mean), *map(cite, recalls)), bound,
                ("it is the mean of the recalls, weighted by the images of each class: not below the least, not above "
                 "the largest",),
            )  # fmt: skip


def _fraction(table: Table, number: Printed, images: int, source: str) -> Iterator[Finding]:
    """Check that a rate is a fraction of at most all images; F1 = 2 TP / (images + predictions), of twice as many."""
    f1 = number.claim.metric == "f1"
    most, fraction = (2 if f1 else 1) * images, simplest(number.low, number.high)
    if fraction.denominator > most:
        formula = "2 TP / (images + predictions), both" if f1 else "k/n with n"
        yield Finding(
            "granularity", f"{table.about}, class {number.claim.class_name}", (cite(number),),
            f"{title(number.claim.metric)} = k/n with n <= {show(most)}",
            (f"it is {formula} at most {show(images)} ({source})",
             f"the simplest fraction that rounds to it is {fraction.numerator:,}/{fraction.denominator:,}"),
        )  # fmt: skip


def _whole_hits(table: Table, recall: Printed, images: dict[int, str]) -> Iterator[Finding]:
    """Check that a recall is an integer number of a class's images."""
    if not any(reachable(recall.low, recall.high, size) for size in images):
        yield Finding(
            "granularity", f"{table.about}, class {recall.claim.class_name}", (cite(recall),),
            f"recall = k/{' or k/'.join(show(size) for size in images)}",
            tuple(around(recall, size, source) for size, source in images.items()),
        )  # fmt: skip


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """Return the fraction with the smallest denominator between ``low`` and ``high`` (continued fractions).

    >>> simplest(Fraction("0.7135"), Fraction("0.7145"))
    Fraction(5, 7)
    """
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    below = whole - 1
    return below + 1 / simplest(1 / (high - below), 1 / (low - below))
