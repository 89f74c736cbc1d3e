"""How many images of each class a report was made on: printed, given in the claims file, or the release's own."""

from __future__ import annotations

from dataclasses import dataclass

from fer_claims_audit.paper_numbers import Paper, group
from fer_plugins.analysis.claims import Claim, Printed, dataset_key, released_counts

_RELEASES = {"fer2013": "FER2013", "jaffe": "JAFFE", "rafdb": "RAF-DB basic"}


@dataclass(frozen=True)
class ClassCounts:
    """Images per class of one split, and where that is known from."""

    dataset: str
    split: str
    counts: dict[str, int]
    source: str

    @property
    def total(self) -> int:
        """Images of all classes."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        rows = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return f"class counts ({self.source}): {rows}; {self.total:,} in all"


def is_total(claim: Claim) -> bool:
    """Whether a claim is of all classes together."""
    return claim.class_name in (None, "total")


def release(dataset: str | None) -> dict[str, ClassCounts]:
    """Return the class counts of a release whose splits are all known, split -> counts; else nothing."""
    known = _released(dataset)
    return known if len(known) > 1 else {}


def whole_release(dataset: str | None) -> ClassCounts | None:
    """Return how many images of each class there are in all of a release, or None where that is not known."""
    return _released(dataset).get("all")


def _released(dataset: str | None) -> dict[str, ClassCounts]:
    name = _RELEASES.get(dataset_key(dataset), "")
    return {
        split: ClassCounts(name.removesuffix(" basic"), split, counts, f"{name} release, {split.replace('_', ' ')}")
        for split, counts in released_counts(dataset).items()
    }


def stated(paper: Paper, claim: Claim) -> list[ClassCounts]:
    """Return the class counts of exactly a claim's dataset and split, the most direct source alone; [] if unknown."""
    for source in (_printed(paper, claim), _given(paper, claim)):
        of_split = [counts for counts in source if counts.split == claim.split]
        if of_split:
            return of_split
    if claim.split_means is None and claim.split in (known := release(claim.dataset)):
        return [known[claim.split]]
    return []


def candidates(paper: Paper, claim: Claim) -> list[ClassCounts]:
    """Return every class count that a claim may rest on: those of its split, or where no split is stated all known."""
    if claim.split != "not_stated":
        return stated(paper, claim)
    known = [*_printed(paper, claim), *_given(paper, claim), *release(claim.dataset).values()]
    return list({tuple(sorted(counts.counts.items())): counts for counts in reversed(known)}.values())[::-1]


def sizes(paper: Paper, claim: Claim) -> dict[int, str]:
    """Return the numbers of images that a claim's split may have, size -> where it is known from."""
    origins: dict[int, str] = {}
    for number in paper.known:
        subject = number.claim
        if (subject.dataset, subject.split) != (claim.dataset, claim.split) or number.step:
            continue
        if subject.metric == "n_images" and is_total(subject):
            origins.setdefault(int(number.value), subject.source)
        elif subject.metric == "anova_df_total" and subject.model == claim.model:
            origins.setdefault(int(number.value) + 1, f"degrees of freedom of {subject.source} and 1")
    for counts in stated(paper, claim):
        origins.setdefault(counts.total, counts.source)
    return {size: source for size, source in origins.items() if size > 0}


def _printed(paper: Paper, claim: Claim) -> list[ClassCounts]:
    """Return complete lists of printed class counts: as many classes as any list of the dataset in the file."""
    rows = [
        number
        for number in paper.known
        if number.claim.metric == "n_images" and number.claim.dataset == claim.dataset and not is_total(number.claim)
    ]
    lists = []
    for of_split in group(rows, lambda c: c.split):
        merged = _merge(of_split)
        lists += [merged] if merged else [_merge(table) or {} for table in group(of_split, lambda c: c.source)]
    widest = max((len(table) for table in lists), default=0)
    complete = []
    for table in lists:
        if len(table) == widest > 1:
            first = next(iter(table.values())).claim
            sources = " and ".join(dict.fromkeys(number.claim.source for number in table.values()))
            counts = {name: int(number.value) for name, number in table.items()}
            complete.append(ClassCounts(first.dataset or "", first.split, counts, sources))
    return complete


def _merge(rows: list[Printed]) -> dict[str, Printed] | None:
    """Put rows into one list by class, or return None where they disagree on a class."""
    merged: dict[str, Printed] = {}
    for row in rows:
        name = row.claim.class_name or ""
        if merged.setdefault(name, row).value != row.value:
            return None
    return merged


def _given(paper: Paper, claim: Claim) -> list[ClassCounts]:
    return [
        ClassCounts(known.dataset, known.split, known.counts, known.source)
        for known in paper.claims.counts
        if dataset_key(known.dataset) == dataset_key(claim.dataset)
    ]
