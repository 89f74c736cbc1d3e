"""The numbers of a paper: which of them speak of the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fer_plugins.analysis.claims import Claim, Claims, Printed, is_count, read_printed
from fer_plugins.runtime.errors import InputError


class Paper:
    """The numbers of a claims file, to be asked for by what they speak of.

    Claims whose source begins with "derived" were computed, not printed: they serve as class counts and sizes only.

    Raises:
        InputError: a count is below 0.
    """

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        numbers = [read_printed(claim) for claim in claims.claims if isinstance(claim.value, float)]
        for number in numbers:
            if number.value < 0 and is_count(number.claim.metric):
                raise InputError(f"{claims.path}: {number}: {number.claim.metric} counts, and must not be below 0")
        self.known = numbers  # printed and derived
        self.printed = [number for number in numbers if not number.claim.source.startswith("derived")]
        self.matrices = [claim for claim in claims.claims if claim.metric == "confusion_matrix"]

    def take(self, metric: str, like: Claim | None = None, **fields: object) -> list[Printed]:
        """Return the printed numbers of a metric with these fields, and ``like``'s model, dataset and split."""
        wanted = dict(fields)
        if like is not None:
            wanted = {"model": like.model, "dataset": like.dataset, "split": like.split, **wanted}
        return [number for number in self.printed if number.claim.metric == metric and _fits(number.claim, wanted)]

    def reports(self) -> list[list[Printed]]:
        """Return the printed numbers grouped by model, dataset and split; those of single epochs left out."""
        final = (number for number in self.printed if number.claim.epoch is None)
        return group(final, lambda c: (c.model, c.dataset, c.split))


def nearest_source(numbers: list[Printed], source: str) -> list[Printed]:
    """Prefer the numbers of the same table; where it has none, keep all."""
    same = [number for number in numbers if number.claim.source == source]
    return same or numbers


def without_classes(numbers: Iterable[Printed]) -> list[Printed]:
    """Keep the numbers of all classes together; gains over another model left out."""
    return [number for number in numbers if number.claim.class_name is None and number.claim.over is None]


def together(numbers: list[Printed]) -> str:
    """Write one number that stands in several places: "accuracy 0.88 (Table 6, Table 11)"."""
    sources = ", ".join(dict.fromkeys(number.claim.source for number in numbers))
    return str(numbers[0]).replace(f"({numbers[0].claim.source}", f"({sources}", 1)


def group(numbers: Iterable[Printed], key: Callable[[Claim], object]) -> list[list[Printed]]:
    """Group numbers by a key of their claims, in order of first appearance."""
    groups: dict[object, list[Printed]] = {}
    for number in numbers:
        groups.setdefault(key(number.claim), []).append(number)
    return list(groups.values())


def about(claim: Claim, *, with_class: bool = False) -> str:
    """Say what a claim speaks of: "DCN on CK+, split test"."""
    what = " on ".join(part for part in (claim.model, claim.dataset) if part) or "the paper"
    split = "" if claim.dataset is None else f", split {claim.split.replace('_', ' ')}"
    return what + split + (f", class {claim.class_name}" if with_class and claim.class_name else "")


def _fits(claim: Claim, fields: dict[str, object]) -> bool:
    return all(getattr(claim, name) == value for name, value in fields.items())
