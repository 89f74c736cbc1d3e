"""The numbers in a file that is not a claims file, and which of them certainly belong to the same test."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from fer_plugins.analysis.claims.claim import Claim
from fer_plugins.analysis.claims.read_values import read_shares

REPORT_RATES = ("precision", "recall", "f1")  # in the order of a classification_report
NO_SPLIT = "not given: say it with --split"  # split_means of a claim if neither file nor user names its split
_TAGS = re.compile(r"\\(?:textbf|textit|mathbf|underline|emph|text)\s*\{([^{}]*)\}|\*\*|__|`|\$")


@dataclass(frozen=True)
class Subject:
    """What the numbers of a file are about, if the file does not say it; split: None if unknown."""

    model: str = "the model"
    dataset: str = "a dataset without a name"
    split: str | None = None


def plain_text(cell: str) -> str:
    r"""Remove the markup of Markdown and LaTeX from a cell.

    >>> plain_text("**0.91**"), plain_text(r"\textbf{0.91}")
    ('0.91', '0.91')
    """
    return _TAGS.sub(lambda match: match.group(1) or "", cell).strip()


class Collected:
    """The claims of one file, in its order."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.listed: list[Claim] = []
        self._places: list[int] = []  # for each claim: the number of its place in the file
        self._place = 0

    def next_place(self) -> None:
        """Start the next place: a table, the text, the output of a cell. Two places may be about different tests."""
        self._place += 1

    def add(
        self, metric: str, written: str, source: str, class_name: str | None = None, *, model: str | None = None,
        dataset: str | None = None, split: str | None = None, split_means: str | None = None,
    ) -> None:  # fmt: skip
        """Add a number; a percentage is converted to the fraction with the same digits."""
        text_of_number = plain_text(written).replace("\\%", "%").strip()
        percent = text_of_number.endswith("%")
        try:
            number = Decimal(text_of_number.removesuffix("%").strip().replace(",", ""))
        except InvalidOperation:
            return
        rate = not metric.startswith("n_")
        if not number.is_finite() or number < 0 or (rate and number > 100):
            return
        if rate and (percent or number > 1):
            number = number.scaleb(-2)
        if not rate and number != int(number):
            return
        text = f"{number:f}" if rate else str(int(number))
        whose = self.subject
        split = split or whose.split
        self._append(
            Claim(model or whose.model, dataset or whose.dataset, split or "test", metric, float(text), source,
                  class_name=class_name, written=text, split_means=split_means or (None if split else NO_SPLIT))
        )  # fmt: skip

    def add_matrix(self, cells: list[list[str]], classes: Iterable[str], source: str) -> bool:
        """Add a square matrix of counts or fractions; return whether it was one."""
        names = tuple(name.strip() for name in classes)
        try:
            numbers = [[Decimal(cell.strip().removesuffix("%").replace(",", "")) for cell in row] for row in cells]
        except InvalidOperation:
            return False
        square = len(numbers) > 1 and all(len(row) == len(numbers) for row in numbers)
        if not square or not all(cell.is_finite() and cell >= 0 for row in numbers for cell in row):
            return False
        if any("e" in cell.lower() for row in cells for cell in row):
            # numpy prints 0.0155 next to 0.5964 as 1.550e-02: its last digits were not measured
            places = min((-int(cell.as_tuple().exponent) for row in numbers for cell in row if cell), default=0)
            numbers = [[cell.quantize(Decimal(1).scaleb(-places)) for cell in row] for row in numbers]
        written = tuple(tuple(f"{cell:f}" for cell in row) for row in numbers)
        if all(cell == int(cell) for row in numbers for cell in row):
            written = tuple(tuple(str(int(cell)) for cell in row) for row in numbers)  # 12.0, as pandas writes counts
        elif read_shares(written) is None:
            return False
        whose = self.subject
        value = [[float(cell) for cell in row] for row in numbers]
        named = names if len(names) == len(numbers) else None
        self._append(
            Claim(whose.model, whose.dataset, whose.split or "test", "confusion_matrix", value, source, classes=named,
                  cells=written, split_means=None if whose.split else NO_SPLIT)
        )  # fmt: skip
        return True

    def _append(self, claim: Claim) -> None:
        self.listed.append(claim)
        self._places.append(self._place)

    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """Return the indices of the claims that belong to the same test, one tuple per test; () if all may do so.

        A place with two values of one score, or with the number of images of two tests, contains several tests: it is
        divided by source.
        """
        of_place: dict[int, list[int]] = {}
        for index, place in enumerate(self._places):
            of_place.setdefault(place, []).append(index)
        blocks = []
        for indices in of_place.values():
            if agree([self.listed[index] for index in indices]):
                blocks.append(tuple(indices))
            else:
                sources: dict[str, list[int]] = {}
                for index in indices:
                    sources.setdefault(self.listed[index].source, []).append(index)
                for indices_of_source in sources.values():
                    one = agree([self.listed[index] for index in indices_of_source])
                    blocks += [tuple(indices_of_source)] if one else [(index,) for index in indices_of_source]
        return tuple(blocks) if len(blocks) > 1 else ()


def agree(claims: Iterable[Claim]) -> bool:
    """Return whether no score and no number of images has two different values."""
    written: dict[tuple[object, ...], object] = {}
    for claim in claims:
        subject = (claim.model, claim.dataset, claim.split)
        values: list[tuple[tuple[object, ...], object]] = [((*subject, claim.metric, claim.class_name), claim.value)]
        if isinstance(claim.value, list) and all(cell == int(cell) for row in claim.value for cell in row):
            values.append(((*subject, "n_images", None), float(sum(map(sum, claim.value)))))
        if any(written.setdefault(key, value) != value for key, value in values):
            return False
    return True
