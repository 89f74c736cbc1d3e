"""Rows of a table of faces: image, label, split, and bad rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fer_image_files.archives.file_set import split_name
from fer_image_files.decoding import OnBadImage, UnreadableError, describe_bad
from fer_plugins.data.expressions import expression_of
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

Images = Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8]


class BadRow(NamedTuple):
    """A row that was left out."""

    label: str | None  # None: unknown
    split: str
    where: str
    reason: str


@dataclass
class FaceRows:
    """The good rows in the file's order, and the bad ones that were left out."""

    where: str  # path of the file, for messages
    row: list[int] = field(default_factory=list)  # for a csv: number of the data row, from 1
    source: list[str] = field(default_factory=list)  # "fer2013.csv:row 17"
    place: list[str] = field(default_factory=list)  # the same for messages, with path and line
    label: list[str] = field(default_factory=list)  # a code ("3") or a word, as returned by clean_label
    split: list[str] = field(default_factory=list)  # train, val, test; "" if the file does not say
    images: Images = ()  # each uint8 (H, W, 1 or 3)
    bad: list[BadRow] = field(default_factory=list)
    names: tuple[str, ...] = ()  # class names by code, if the file has them
    notes: list[str] = field(default_factory=list)

    def describe_bad(self) -> list[str]:
        """Return a sentence on the rows that were left out, or [] if there are none."""
        return describe_bad([f"{row.where}: {row.reason}" for row in self.bad], "rows")


@lru_cache(maxsize=10_000, typed=True)  # typed: 1 and True are equal, but different labels
def clean_label(value: object) -> str:
    """Return a label in the form used for comparison: codes without decimals and leading zeros, words stripped.

    >>> clean_label("3.0"), clean_label(" Happy "), clean_label(2.5)
    ('3', 'Happy', '2.5')
    """
    text = str(value).strip()
    try:
        number = float(text) if len(text) <= 12 and text.isascii() and "_" not in text else None
    except ValueError:
        return text
    return str(int(number)) if number is not None and number.is_integer() else text


def code_labels(
    rows: FaceRows, classes: Sequence[str], codes: Sequence[str] = (), *, remedy: str
) -> tuple[list[int], list[int | None]]:
    """Return the labels of the good rows as indices of ``classes``, and those of the bad rows (None: unknown).

    ``codes`` define 0, 1, 2, ...; else the file's own names, else ``classes`` do. Raises InputError, which ends with
    ``remedy``, for a label that is neither such a code nor an expression of ``classes``.
    """
    by_code = codes or rows.names or classes

    @cache
    def place_of(label: str | None) -> int | None:
        name = label or ""
        if name.isdecimal() and name.isascii():
            name = by_code[int(name)] if len(name) < 6 and int(name) < len(by_code) else ""
        name = expression_of(name) or name
        return classes.index(name) if name in classes else None

    refuse_column(
        rows,
        rows.label,
        lambda label: place_of(label) is not None,
        "the label",
        f"a code in 0..{len(by_code) - 1} or one of {', '.join(classes)} is needed",
        remedy,
    )
    good = [place for label in rows.label if (place := place_of(label)) is not None]
    return good, [place_of(row.label) for row in rows.bad]


def check_splits(rows: FaceRows) -> bool:
    """Return whether the rows have splits; raises InputError if only some have one."""
    any_split = any(rows.split) or any(row.split for row in rows.bad)
    if any_split and not all(rows.split):
        place = rows.place[rows.split.index("")]
        raise InputError(f"{place}: has no split beside rows that have one; give --data.root one copy alone")
    return any_split


def make_rows(
    where: str,
    *,
    sources: Sequence[str],
    places: Sequence[str],
    labels: Sequence[object],
    images: Images,
    reasons: Sequence[str | None] = (),
    split: str = "",
    usages: Sequence[str] | None = None,
    usage_column: str = "Usage",
    numbers: Sequence[int] = (),
    names: tuple[str, ...] = (),
    notes: Sequence[str] = (),
    on_bad_image: OnBadImage = "error",
) -> FaceRows:
    """Build FaceRows from the columns of a table.

    Args:
        where: path of the file, for messages.
        sources: unique name of each row.
        places: path and line of each row, for messages.
        labels: labels as written; None if a bad row has none.
        images: images of the good rows.
        reasons: for each row, None or what is wrong with it; () if all are good.
        split: split of all rows, if there is no column of splits.
        usages: column of splits, as written; raises InputError for an unknown split.
        usage_column: name of that column.
        numbers: for a csv, the numbers of the data rows.
        names: class names by code, if the file has them.
        notes: sentences on how the file was read.
        on_bad_image: what to do with a bad row: error (UnreadableError), or skip (left out).
    """
    rows = FaceRows(where, images=images, names=names, notes=list(notes))
    splits = {usage: split_of(usage) or "" for usage in set(usages or ())}
    written = []
    for at, (source, place, label) in enumerate(zip(sources, places, labels, strict=True)):
        row_split = split if usages is None else splits[usages[at]]
        reason = reasons[at] if reasons else None
        if reason is not None:
            if on_bad_image == "error":
                raise UnreadableError(place, reason)
            rows.bad.append(BadRow(None if label is None else clean_label(label), row_split, place, reason))
            continue
        rows.row += numbers[at : at + 1]
        rows.source.append(source)
        rows.place.append(place)
        rows.label.append(clean_label("" if label is None else label))
        rows.split.append(row_split)
        written.append(usages[at] if usages is not None else "")
    if usages is not None:
        refuse_column(
            rows,
            written,
            lambda usage: bool(splits[usage]),
            usage_column,
            "Training, PublicTest, PrivateTest, or train, val, test is needed",
            "rename them, or rename the column where it is none of splits",
        )
    return rows


def refuse_column(
    rows: FaceRows, values: Sequence[str], is_valid: Callable[[str], bool], column: str, needed: str, remedy: str
) -> None:
    """Raise InputError unless all values are valid: for one row, or with ``remedy`` for a column of wrong values."""
    wrong = [number for number, value in enumerate(values) if not is_valid(value)]
    if not wrong:
        return
    first = wrong[0]
    if len(wrong) == 1 or len(wrong) * 100 <= len(values):
        more = f" (and {len(wrong) - 1:,} further rows)" if len(wrong) > 1 else ""
        raise InputError(
            f"{rows.place[first]}: {column} is {values[first][:40]!r}{more}; {needed}: mend or remove the row"
        )
    shown = ", ".join(f"{v[:20]!r} ({n:,})" for v, n in Counter(values[row] for row in wrong).most_common(5))
    raise InputError(
        f"{rows.where}: {column} is none that is known in {len(wrong):,} of {len(values):,} rows: {shown}; "
        f"{needed}; {remedy}"
    )


def join_rows(parts: Sequence[FaceRows]) -> FaceRows:
    """Concatenate the rows of several files."""
    first = parts[0]
    if len(parts) == 1:
        return first
    joined = FaceRows(first.where)
    for name in ("row", "source", "place", "label", "split", "bad"):
        setattr(joined, name, [value for rows in parts for value in getattr(rows, name)])
    joined.images = [image for rows in parts for image in rows.images]
    joined.notes = list(dict.fromkeys(note for rows in parts for note in rows.notes))
    for rows in parts:
        if rows.names and joined.names and rows.names != joined.names:
            raise InputError(f"{rows.where}: names its classes otherwise than {first.where}; read one of them alone")
        joined.names = joined.names or rows.names
    return joined


def split_of_path(name: str) -> str:
    """Return the split named by a file name, else by a folder above it; "" if none is named.

    >>> split_of_path("data/train-00000-of-00002.parquet"), split_of_path("test/data-00000-of-00001.arrow")
    ('train', 'test')
    """
    *folders, file = split_name(name)
    return next((split for part in (file.split(".")[0], *reversed(folders)) if (split := split_of(part))), "")
