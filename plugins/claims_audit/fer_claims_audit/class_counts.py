"""Images per class on which a report was made: printed, given in the claims file, or the release's own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fer_claims_audit.paper_numbers import Paper, group
from fer_plugins.analysis.claims import Claim, Printed, dataset_key, known_datasets, released_counts


@dataclass(frozen=True)
class ClassCounts:
    """Images per class of one split, and the source of the numbers."""

    dataset: str
    split: str
    counts: dict[str, int]
    source: str
    # Whether a class without images may be missing: the counts add up to all images, but not every class has a rate.
    may_lack_empty: bool = False

    @property
    def total(self) -> int:
        """Total number of images."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        rows = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return f"class counts ({self.source}): {rows}; {self.total:,} in all"


def is_total(claim: Claim) -> bool:
    """Return whether a claim is about all classes together."""
    return claim.class_name in (None, "total")


def release(paper: Paper, dataset: str | None) -> dict[str, ClassCounts]:
    """Return the class counts of a release whose splits are all known, split -> counts; else {}."""
    splits = _released(paper, dataset)
    return splits if len(splits) > 1 else {}


def whole_release(paper: Paper, dataset: str | None) -> ClassCounts | None:
    """Return the images per class of a whole release, or None if unknown."""
    return _released(paper, dataset).get("all")


def _released(paper: Paper, dataset: str | None) -> dict[str, ClassCounts]:
    key = dataset_key(dataset)
    title = known_datasets().get(key, "") + (" basic" if key == "rafdb" else "")
    return {
        split: ClassCounts(
            title.removesuffix(" basic"), split,
            {paper.class_name(dataset, name): count for name, count in counts.items()},
            f"{title} release, {split.replace('_', ' ')}",
        )
        for split, counts in released_counts(dataset).items()
    }  # fmt: skip


def stated(paper: Paper, claim: Claim) -> list[ClassCounts]:
    """Return the class counts of a claim's dataset and split, from the most direct source only; [] if unknown."""
    for source in (_printed(paper, claim), _given(paper, claim.dataset)):
        of_split = [counts for counts in source if counts.split == claim.split]
        if of_split:
            return of_split
    if claim.split_means is None and claim.split in (known := release(paper, claim.dataset)):
        return [known[claim.split]]
    return []


def candidates(paper: Paper, claim: Claim) -> list[ClassCounts]:
    """Return all possible class counts of a claim: those of its split, or all known ones if no split is stated."""
    if claim.split != "not_stated":
        return stated(paper, claim)
    counts_of_splits = [*_printed(paper, claim), *_given(paper, claim.dataset), *release(paper, claim.dataset).values()]
    return list({tuple(sorted(counts.counts.items())): counts for counts in reversed(counts_of_splits)}.values())[::-1]


def sizes(paper: Paper, claim: Claim) -> dict[int, str]:
    """Return the possible numbers of images of a claim's split, size -> source."""
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
    """Return the lists of printed class counts known to hold all classes: a missing class does not mean zero."""
    rows = [
        number
        for number in paper.known
        if number.claim.metric == "n_images" and number.claim.dataset == claim.dataset and not is_total(number.claim)
    ]
    lists = []
    for of_split in group(rows, lambda c: c.split):
        merged = _merge(of_split)
        lists += [merged] if merged else [_merge(table) or {} for table in group(of_split, lambda c: c.source)]
    complete_sets = complete_classes(paper, claim.dataset)
    certain_sets = complete_classes(paper, claim.dataset, by_images=False)
    complete = []
    for table in lists:
        if len(table) > 1 and frozenset(table) in complete_sets:
            first = next(iter(table.values())).claim
            sources = " and ".join(dict.fromkeys(number.claim.source for number in table.values()))
            counts = {name: int(number.value) for name, number in table.items()}
            certain = frozenset(table) in certain_sets
            others = set() if certain else rated_classes(paper, first.dataset, first.split)
            empty = dict.fromkeys(sorted(others - counts.keys()), 0)  # the others have all images
            may_lack = not certain and not others >= counts.keys()
            complete.append(ClassCounts(first.dataset or "", first.split, counts | empty, sources, may_lack))
    return complete


def rated_classes(paper: Paper, dataset: str | None, split: str) -> set[str]:
    """Return the classes with a printed rate, or row of a matrix, on a split."""
    matrices = (*paper.matrices, *(claim for claim, _ in paper.share_matrices))
    rated = {
        number.claim.class_name
        for number in paper.printed
        if number.claim.class_name
        and number.claim.metric in ("precision", "recall", "f1")
        and (number.claim.dataset, number.claim.split) == (dataset, split)
    }
    in_matrices = [m.classes for m in matrices if (m.dataset, m.split) == (dataset, split) and m.classes]
    return rated.union(*in_matrices)


def complete_classes(paper: Paper, dataset: str | None, *, by_images: bool = True) -> set[frozenset[str]]:
    """Return the known sets of all classes of a dataset, or with ``by_images`` of all classes with images.

    Sources: its release, counts given in the file, a confusion matrix, class counts that add up to a printed total, and
    a list as long as the stated number of classes.
    """
    complete_sets = {
        frozenset(counts.counts) for counts in (*_released(paper, dataset).values(), *_given(paper, dataset))
    }
    matrices = (*paper.matrices, *(claim for claim, _ in paper.share_matrices))
    complete_sets |= {frozenset(claim.classes) for claim in matrices if claim.dataset == dataset and claim.classes}
    stated = {int(n.value) for n in paper.known if n.claim.metric == "classes" and n.claim.dataset in (dataset, None)}
    of_dataset = [n for n in paper.known if n.claim.dataset == dataset and n.claim.metric == "n_images"]
    for numbers in group(of_dataset, lambda c: c.split):
        totals = [number for number in numbers if is_total(number.claim)]
        parts = [number for number in numbers if not is_total(number.claim)]
        for table in (parts, *group(parts, lambda c: c.source)):
            merged = _merge(table) or {}
            images = sum((number.value for number in merged.values()), Fraction(0))
            if len(merged) in stated:
                complete_sets.add(frozenset(merged))
            elif by_images and any(total.meets(images, images) for total in totals):
                complete_sets.add(frozenset(merged))
    return complete_sets


def sources_of_some_classes(paper: Paper, classes: int | None) -> set[str]:
    """Return the reports of only some classes: with micro means, no accuracy and fewer rows than classes.

    scikit-learn prints these if ``labels`` is given. The means are of those classes.

    Args:
        paper: all numbers.
        classes: number of classes; None if unknown: any such report may then be of some.
    """
    sources = set()
    for report in group(paper.printed, lambda c: c.source):
        metrics = {number.claim.metric for number in report}
        rows = {number.claim.class_name for number in report if number.claim.class_name}
        if "accuracy" not in metrics and any(metric.startswith("micro_") for metric in metrics) and rows:
            sources |= {report[0].claim.source} if classes is None or len(rows) < classes else set()
    return sources


def _merge(rows: list[Printed]) -> dict[str, Printed] | None:
    """Merge rows into one list by class, or return None if they disagree on a class."""
    merged: dict[str, Printed] = {}
    for row in rows:
        name = row.claim.class_name or ""
        if merged.setdefault(name, row).value != row.value:
            return None
    return merged


def _given(paper: Paper, dataset: str | None) -> list[ClassCounts]:
    return [
        ClassCounts(
            entry.dataset,
            entry.split,
            {paper.class_name(dataset, name): count for name, count in entry.counts.items()},
            entry.source,
        )
        for entry in paper.claims.counts
        if dataset_key(entry.dataset) == dataset_key(dataset)
    ]
