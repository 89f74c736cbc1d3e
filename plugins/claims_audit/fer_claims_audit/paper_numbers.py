"""The numbers of a paper, and which of them refer to the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

from fer_claims_audit.findings import Cited
from fer_plugins.analysis.claims import (
    Claim,
    Claims,
    Printed,
    Shares,
    canonical_metric,
    dataset_key,
    is_count,
    known_datasets,
    read_printed,
    read_shares,
)
from fer_plugins.data.expressions import expression_of
from fer_plugins.runtime.errors import InputError

_OTHER_NAMES = {"uar": "macro_recall", "balanced_accuracy": "macro_recall", "war": "accuracy"}


class Paper:
    """The numbers of a claims file, selectable by their subject.

    Claims whose source begins with "derived" were computed, not printed: they are used only as class counts and sizes.
    Different spellings of datasets, classes and places are unified to the first one in the file.

    Args:
        claims: result of ``read_claims``.
        may_be_cut: whether the last digit of a rate may have been truncated instead of rounded.

    Raises:
        InputError: a count is below 0.
    """

    def __init__(self, claims: Claims, *, may_be_cut: bool = False) -> None:
        self.claims = claims
        self.places: dict[int, int] = {}  # id of a claim -> its index in the file
        self.compared: set[int] = set()  # indices of the claims that some check compared with others
        self.named: list[Claim] = []  # as in the file, with canonical names
        self._datasets: dict[str, str] = {}
        self._classes: dict[tuple[str, str], str] = {}
        self._sources: dict[str, str] = {}
        for place, claim in enumerate(claims.claims):
            self._rename(place, claim)
        numbers = [read_printed(claim) for claim in self.named if isinstance(claim.value, float)]
        for number in numbers:
            if number.value < 0 and is_count(number.claim.metric):
                raise InputError(f"{claims.path}: {number}: {number.claim.metric} counts, and must not be below 0")
        matrix_claims = [claim for claim in self.named if claim.metric == "confusion_matrix"]
        images = [number for number in numbers if number.claim.metric == "n_images"]
        shares_by_claim = {
            id(claim): read_shares(claim.cells)
            for claim in matrix_claims
            if not (_is_whole(claim) and self._has_images(claim, images))
        }
        self.matrices = [claim for claim in matrix_claims if shares_by_claim.get(id(claim)) is None]
        self.share_matrices = [
            (claim, shares) for claim in matrix_claims if (shares := shares_by_claim.get(id(claim))) is not None
        ]
        for claim, shares in self.share_matrices:
            diagonal = _diagonal(claim, shares)
            self.places.update((id(number.claim), self.places[id(claim)]) for number in diagonal)
            numbers += diagonal
        if may_be_cut:
            numbers = [replace(number, may_be_cut=not is_count(number.claim.metric)) for number in numbers]
        self.known = [number for number in numbers if number.claim.run is None]  # printed and derived
        self.runs = [number for number in numbers if number.claim.run is not None]
        self.printed = [number for number in self.known if not number.claim.source.startswith("derived")]

    def class_name(self, dataset: str | None, name: str) -> str:
        """Return the file's name of a class: "Angry", "anger" and "angriness" are one class."""
        return self._classes.setdefault((dataset_key(dataset), expression_of(name) or name), name)

    def mark(self, *claims: Printed | Claim) -> None:
        """Record that a check compared these with others."""
        for item in claims:
            self.compared.add(self.places[id(item.claim if isinstance(item, Printed) else item)])

    def as_in_file(self, claim: Claim) -> Claim:
        """Return a claim with the names used in the file."""
        return self.claims.claims[self.places[id(claim)]]

    def _has_images(self, claim: Claim, images: list[Printed]) -> bool:
        """Return whether a matrix adds up to a printed number of images, or its rows to printed or known counts."""
        sums = [Fraction(sum(row)) for row in _cells(claim)]
        of_split = [n for n in images if (n.claim.dataset, n.claim.split) == (claim.dataset, claim.split)]
        of_classes: list[dict[str | None, Fraction]] = [
            {self.class_name(known.dataset, name): Fraction(count) for name, count in known.counts.items()}
            for known in self.claims.counts
            if (dataset_key(known.dataset), known.split) == (dataset_key(claim.dataset), claim.split)
        ]
        of_classes.append({number.claim.class_name: number.value for number in of_split})
        if sum(sums) in {n.value for n in of_split if n.claim.class_name in (None, "total")}:
            return True
        names = claim.classes or ()
        return len(names) == len(sums) and any([counts.get(name) for name in names] == sums for counts in of_classes)

    def _rename(self, place: int, claim: Claim) -> Claim:
        metric = canonical_metric(claim.metric)
        renamed = replace(
            claim,
            metric=_OTHER_NAMES.get(metric, metric),
            source=self._sources.setdefault(" ".join(claim.source.lower().split()), claim.source),
            dataset=claim.dataset and self._datasets.setdefault(dataset_key(claim.dataset), claim.dataset),
            class_name=claim.class_name and self.class_name(claim.dataset, claim.class_name),
            classes=claim.classes and tuple(self.class_name(claim.dataset, name) for name in claim.classes),
        )
        self.places[id(renamed)] = place
        self.named.append(renamed)
        return renamed

    def take(self, metric: str, like: Claim | None = None, **fields: object) -> list[Printed]:
        """Return the printed numbers of a metric with these fields, and the model, dataset and split of ``like``."""
        wanted = dict(fields)
        if like is not None:
            wanted = {"model": like.model, "dataset": like.dataset, "split": like.split, **wanted}
        return [number for number in self.printed if number.claim.metric == metric and _fits(number.claim, wanted)]

    def reports(self) -> list[list[Printed]]:
        """Return the printed numbers grouped by model, dataset and split, without those of single epochs."""
        final = (number for number in self.printed if number.claim.epoch is None)
        return group(final, lambda c: (c.model, c.dataset, c.split))


def nearest_source(numbers: list[Printed], source: str) -> list[Printed]:
    """Return the numbers of the same table; all if there are none."""
    same = [number for number in numbers if number.claim.source == source]
    return same or numbers


def without_classes(numbers: Iterable[Printed]) -> list[Printed]:
    """Return the numbers over all classes, without gains over another model."""
    return [number for number in numbers if number.claim.class_name is None and number.claim.over is None]


def several_labels(paper: Paper, headline: list[Printed]) -> str:
    """Return why a report may have several labels per image, or only some classes; "" if not.

    With one label per image, micro precision, recall and F1 are equal, and class counts add up to the images.
    """
    micro = [number for number in headline if number.claim.metric.startswith("micro_")]
    if any(number.claim.metric.startswith("samples_") for number in headline):
        return "means over samples are of images with several labels"
    if any(not number.meets(micro[0].low, micro[0].high) for number in micro):
        return "micro precision, recall and F1 differ, as with several labels an image or some classes left out"
    datasets_with_counts = {
        dataset_key(counts.dataset) for counts in paper.claims.counts
    }  # counts of classes that partition the images
    if not headline or dataset_key(headline[0].claim.dataset) in {*known_datasets(), *datasets_with_counts}:
        return ""
    claim = headline[0].claim
    if any((matrix.model, matrix.dataset, matrix.split) == (claim.model, claim.dataset, claim.split)
           for matrix in (*paper.matrices, *(matrix for matrix, _ in paper.share_matrices))):  # fmt: skip
        return ""
    parts = [n for n in paper.take("n_images", dataset=claim.dataset, split=claim.split) if n.claim.class_name]
    labels = sum((number.value for number in parts if number.claim.class_name != "total"), Fraction(0))
    sizes = paper.take("n_images", dataset=claim.dataset, split=claim.split, class_name=None)
    if any(size.meets(labels, labels) for size in sizes):
        return ""
    return "it is not known that every image has one label"


def has_signs_of_several_labels(paper: Paper, dataset: str | None) -> bool:
    """Return whether an accuracy on a dataset differs from one that must be equal with one label per image."""
    equal = ("weighted_recall", "micro_precision", "micro_recall", "micro_f1")
    for report in paper.reports():
        headline = [number for number in without_classes(report) if number.claim.dataset == dataset]
        accuracies = [number for number in headline if number.claim.metric == "accuracy"]
        means = [number for number in headline if number.claim.metric in equal]
        if several_labels(paper, headline) and any(not a.meets(m.low, m.high) for a in accuracies for m in means):
            return True
    return False


def cite(number: Printed, prefix: str = "") -> Cited:
    """Return a number as printed, with its claim."""
    return Cited(f"{prefix}{number}", (number.claim,))


def together(numbers: list[Printed]) -> Cited:
    """Format one number that is printed in several places: "accuracy 0.88 (Table 6, Table 11)"."""
    sources = ", ".join(dict.fromkeys(number.claim.source for number in numbers))
    text = str(numbers[0]).replace(f"({numbers[0].claim.source}", f"({sources}", 1)
    return Cited(text, tuple(number.claim for number in numbers))


def group(numbers: Iterable[Printed], key: Callable[[Claim], object]) -> list[list[Printed]]:
    """Group numbers by a key of their claims, in order of first appearance."""
    groups: dict[object, list[Printed]] = {}
    for number in numbers:
        groups.setdefault(key(number.claim), []).append(number)
    return list(groups.values())


def about(claim: Claim, *, with_class: bool = False) -> str:
    """Return the subject of a claim: "DCN on CK+, split test"."""
    subject = " on ".join(part for part in (claim.model, claim.dataset) if part) or "the paper"
    split = "" if claim.dataset is None else f", split {claim.split.replace('_', ' ')}"
    return subject + split + (f", class {claim.class_name}" if with_class and claim.class_name else "")


def _fits(claim: Claim, fields: dict[str, object]) -> bool:
    return all(getattr(claim, name) == value for name, value in fields.items())


def _cells(claim: Claim) -> list[list[float]]:
    return claim.value if isinstance(claim.value, list) else []


def _is_whole(claim: Claim) -> bool:
    return all(cell == int(cell) for row in _cells(claim) for cell in row)


def _diagonal(claim: Claim, shares: Shares) -> list[Printed]:
    """Return the diagonal of a matrix of fractions as recalls, or as precisions if its columns add up to one."""
    metric = {"row": "recall", "column": "precision"}.get(shares.of)
    lines = [list(map(Fraction, row)) for row in claim.cells]
    if shares.of == "column":
        lines = [list(column) for column in zip(*lines, strict=True)]
    classes = claim.classes or ()
    off = {place for place, _ in shares.off}
    numbers = []
    for place, name in enumerate(classes if metric and len(set(classes)) == len(lines) else ()):
        if any(lines[place]) and place not in off:
            value = lines[place][place] / shares.unit
            rate = replace(
                claim, metric=str(metric), class_name=name, classes=None, cells=(), value=float(value),
                written=claim.cells[place][place] + (" %" if shares.unit > 1 else ""),
                source=f"{claim.source}, diagonal",
            )  # fmt: skip
            numbers.append(Printed(rate, value, shares.step / shares.unit))
    return numbers
