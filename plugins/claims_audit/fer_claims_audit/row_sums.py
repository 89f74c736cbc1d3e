"""Rows of a printed confusion matrix against the class counts of each split of the release, and of fractions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from fer_claims_audit.class_counts import ClassCounts, release, stated, whole_release
from fer_claims_audit.findings import Cited, Finding, Outcome, Remark, Unchecked, show, span
from fer_claims_audit.granularity import reachable
from fer_claims_audit.paper_numbers import Paper, about, cite
from fer_plugins.analysis.claims import NO_SPLIT, SPLIT_NAMES, Claim, Shares, dataset_key, released_selections

_NAMES = {"row": "rows", "column": "columns", "either": "rows or columns", "all": "cells"}


def check_row_sums(paper: Paper, claim: Claim, matrix: list[list[int]]) -> Iterator[Outcome]:
    """Check the images per class in a matrix of counts against the release, if it has splits."""
    classes = claim.classes or _usual_order(paper, claim, [sum(row) for row in matrix])
    if len(classes) != len(matrix):
        yield Unchecked(f"{about(claim)}, {claim.source}", "row sums: the classes of the matrix are not named")
        return
    sums = dict(zip(classes, map(sum, matrix), strict=True))
    splits = {} if claim.split_means and claim.split_means != NO_SPLIT else release(paper, claim.dataset)
    official = splits.get(claim.split) if claim.split_means is None else None
    same = [split for split, counts in splits.items() if counts.counts == sums]
    transposed = dict(zip(classes, map(sum, zip(*matrix, strict=True)), strict=True))
    where, cited = f"{about(claim)}, {claim.source}", (Cited(f"confusion matrix ({claim.source})", (claim,)),)
    called = claim.split.replace("_", " ")
    if official is None or official.counts.keys() != sums.keys():
        yield from _without_split(paper, claim, sums, same)
        return
    paper.mark(claim)
    if claim.split in same:
        return
    if official.counts == transposed:
        yield Remark(where, f"its columns, not its rows, are the true classes: they add up to {official.source}")
    elif same:
        split_name = _own_name(claim.dataset, same[0])
        yield Finding(
            "release", where, cited, f"the rows of split {called} add up to its class counts",
            (f"these are the counts of {split_name}, called {called}: {_listed(sums)}", str(official)),
        )  # fmt: skip
    else:
        off = [f"{name} {sums[name]:,}, {count:,} in the release" for name, count in official.counts.items()
               if sums[name] != count]  # fmt: skip
        yield Finding(
            "release", where, cited, f"the rows add up to the class counts of {official.source}",
            (f"{sum(sums.values()):,} images in the matrix, {official.total:,} in the release; row sums: "
             f"{'; '.join(off)}",
             "no split of the release has these row sums; a split of one's own is said by the key splits of the file"),
        )  # fmt: skip


def _usual_order(paper: Paper, claim: Claim, sums: list[int]) -> tuple[str, ...]:
    """Return the classes of a matrix without names, in the release's or folder order, if some split fits."""
    splits = release(paper, claim.dataset)
    for counts in splits.values():
        for names in (list(counts.counts), sorted(counts.counts)):
            if [counts.counts[name] for name in names] == sums:
                return tuple(names)
    return ()


def _without_split(paper: Paper, claim: Claim, sums: dict[str, int], same: list[str]) -> Iterator[Outcome]:
    where = f"{about(claim)}, {claim.source}"
    selections = {
        selection: {paper.class_name(claim.dataset, name): count for name, count in counts.items()}
        for selection, counts in released_selections(claim.dataset).items()
    }
    fits = [
        *(_own_name(claim.dataset, split) for split in same),
        *(w for w, counts in selections.items() if counts == sums),
    ]
    everything = whole_release(paper, claim.dataset)
    too_many = [name for name, count in sums.items() if everything and count > everything.counts.get(name, count)]
    if too_many and everything:
        yield Finding(
            "release", where, (Cited(f"confusion matrix ({claim.source})", (claim,)),),
            "no class has more images than the release",
            tuple(f"{name}: {sums[name]:,} in the matrix, {everything.counts[name]:,} in all of it"
                  for name in too_many),
        )  # fmt: skip
        paper.mark(claim)
    elif fits:
        paper.mark(claim)
        yield Remark(where, f"its row sums are those of {fits[0]}")
    else:
        yield Unchecked(where, "row sums: the class counts of this split, by these class names, are not known")


def check_shares(paper: Paper, claim: Claim, shares: Shares) -> Iterator[Outcome]:
    """Check a matrix of fractions: row sums, and that each cell is k/n if the images of a class are known."""
    where, unit = f"{about(claim)}, {claim.source}", "%" if shares.unit == 100 else ""
    classes = claim.classes or tuple(str(place) for place in range(len(claim.cells)))
    cited = (Cited(f"confusion matrix ({claim.source})", (claim,)),)
    class_counts = [counts for counts in stated(paper, claim) if set(counts.counts) == set(classes)]
    if shares.of in ("column", "either"):
        yield from _accuracy_of_diagonal(paper, claim, shares, where)
    if shares.step == 1 and shares.of == "all":
        return  # it has that sum as counts, too
    if shares.step == 1 and not class_counts:
        yield Unchecked(where, f"whether its {_NAMES[shares.of]} add up to {shares.unit}: they may be counts")
        return
    paper.mark(claim)
    spread = len(claim.cells) * shares.step
    for place, total in shares.off:
        line = classes[place] if place < len(classes) else place
        yield Finding(
            "confusion matrix", where, cited,
            f"the {shares.of} of {line} adds up to {shares.unit} {unit}".rstrip(),
            (f"it adds up to {show(total)}; rounding {len(claim.cells)} cells explains {show(shares.unit - spread)} to "
             f"{show(shares.unit + spread / 2)}, digits cut off included",),
        )  # fmt: skip
    if shares.of == "row" and class_counts and not claim.split_means:
        yield from _cells(claim, shares, class_counts, where, cited)


def _accuracy_of_diagonal(paper: Paper, claim: Claim, shares: Shares, where: str) -> Iterator[Finding]:
    """Check that the accuracy is within the diagonal: it is a mean of the recalls, and of the precisions."""
    diagonal = [Fraction(row[place]) for place, row in enumerate(claim.cells)]
    low, high = (
        (min(diagonal) - shares.step / 2) / shares.unit,
        min(Fraction(1), (max(diagonal) + shares.step) / shares.unit),
    )
    for accuracy in paper.take("accuracy", claim, class_name=None, over=None, epoch=None, averaged=None):
        paper.mark(accuracy, claim)
        if not accuracy.meets(low, high):
            yield Finding(
                "rows", where, (cite(accuracy),), f"accuracy is {span(low, high)}",
                ("it is a mean of the diagonal, whether the rows or the columns add up to "
                 f"{shares.unit}{' %' if shares.unit == 100 else ''}",),
            )  # fmt: skip


def _cells(
    claim: Claim, shares: Shares, class_counts: list[ClassCounts], where: str, cited: tuple[Cited, ...]
) -> Iterator[Finding]:  # fmt: skip
    """Check that every cell is an integer number of images of its class."""
    off = {place for place, _ in shares.off}
    impossible = []
    for place, (name, row) in enumerate(zip(claim.classes or (), claim.cells, strict=True)):
        sizes = [counts.counts[name] for counts in class_counts if counts.counts[name]]
        for cell in row if place not in off else ():
            value, step = Fraction(cell) / shares.unit, shares.step / shares.unit
            if sizes and not any(reachable(value - step / 2, value + step, size) for size in sizes):
                impossible.append(f"{cell} of {name} is not of the form k/{sizes[0]:,}")
    if impossible:
        yield Finding(
            "granularity", where, cited, "every cell is a whole number of images of its class",
            (f"{len(impossible)} of {len(claim.cells) ** 2} cells: {'; '.join(impossible[:6])}", str(class_counts[0])),
        )  # fmt: skip


def _own_name(dataset: str | None, split: str) -> str:
    return SPLIT_NAMES.get(dataset_key(dataset), {}).get(split, f"split {split.replace('_', ' ')}")


def _listed(sums: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sums.items())
