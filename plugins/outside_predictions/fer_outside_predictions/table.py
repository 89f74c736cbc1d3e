"""The content of a file of predictions in any format: probabilities or logits, and columns that identify the images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

Values = npt.NDArray[np.float64]

# The role of a column, by its name in lower case.
_ROLES = {
    "name": ("source", "name", "file", "filename", "file_name", "image", "image_name", "path"),
    "digest": ("digest", "image_digest"),
    "split": ("split", "usage"),
    "true": ("true", "label", "target", "emotion", "y_true", "true_label"),
    "predicted": ("predicted", "prediction", "pred", "y_pred", "predicted_label"),
}
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names}
_NO_VALUES = ("", "unnamed: 0", "index", "id", "row", "confidence", "loss")  # numbers that do not belong to a class
_PREFIX = re.compile(r"(?i)^(p|prob|probability|logit)(?:_(.+)|\((.+)\))$")
PROBABILITIES, LOGITS = "probabilities", "logits"


@dataclass(frozen=True)
class PredictionTable:
    """The predictions of a file, in file order."""

    path: Path
    form: str  # "CSV", "JSON lines", "npz" or "npy"
    names: tuple[str, ...]  # of the K columns of values; () if the file has no names
    values: Values  # (N, K)
    kind: str = ""  # PROBABILITIES or LOGITS if the file itself says so
    columns: dict[str, list[str]] | None = None  # "name", "digest", "split", "true", "predicted" -> (N,) texts
    unused: tuple[str, ...] = ()  # ignored columns

    def column(self, role: str) -> list[str] | None:
        """Return a column of texts, (N,); None if the file has none."""
        return (self.columns or {}).get(role)

    def of_split(self, split: str) -> PredictionTable:
        """Return the rows of a split; all if the file has no column of splits.

        Raises:
            InputError: a row has no split, or no row is of this split.
        """
        cells = self.column("split")
        if cells is None:
            return self
        meanings = {cell: split_of(cell) for cell in dict.fromkeys(cells)}
        unknown = next((cell for cell, meaning in meanings.items() if meaning is None), None)
        if unknown is not None:
            raise InputError(f"{self.path}: split {unknown!r} is none of train, val and test; correct the column")
        rows = np.array([meanings[cell] == split for cell in cells])
        if not rows.any():
            splits = ", ".join(sorted({str(meaning) for meaning in meanings.values()}))
            raise InputError(f"{self.path}: no row is of split {split}, but of {splits}; give --split")
        columns = {
            role: [text for text, row in zip(texts, rows, strict=True) if row]
            for role, texts in (self.columns or {}).items()
        }
        return replace(self, values=self.values[rows], columns=columns)


def from_columns(path: Path, form: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> PredictionTable:
    """Sort the columns of a file with a header by role.

    Args:
        path: path of the file.
        form: the format.
        header: one name per column.
        rows: one cell per column in each row: texts or numbers.

    Raises:
        InputError: two columns have the same role, a value is not a number, or there is no column of values.
    """
    names = [str(name).strip() for name in header]
    roles = [_ROLE_OF.get(name.casefold()) or _ROLE_OF.get(name.casefold().removesuffix("s"), "") for name in names]
    for role, count in Counter(filter(None, roles)).items():
        if count > 1:
            both = " and ".join(name for name, own in zip(names, roles, strict=True) if own == role)
            raise InputError(f"{path}: the columns {both} say the same; leave one of them out")
    parts = [_PREFIX.match(name) for name in names]
    kinds = {LOGITS if part[1].casefold() == "logit" else PROBABILITIES for part in parts if part}
    if len(kinds) > 1:
        raise InputError(f"{path}: has columns of probabilities and of logits; leave one kind out")
    if kinds:
        places = [place for place, part in enumerate(parts) if part]
        class_names = [part[2] or part[3] for part in parts if part]
    else:
        places = [place for place, name in enumerate(names) if not roles[place] and _is_value(name, place, rows)]
        class_names = [names[place] for place in places]
    if not places:
        raise InputError(f"{path}: no column holds numbers of a class; name the columns as the classes of the dataset")
    unused = [name for place, name in enumerate(names) if place not in places and not roles[place]]
    return PredictionTable(
        path,
        form,
        tuple(class_names),
        to_values(path, [[row[place] for place in places] for row in rows], class_names),
        next(iter(kinds), ""),
        {role: [str(row[place]).strip() for row in rows] for place, role in enumerate(roles) if role},
        tuple(filter(None, unused)),
    )


def to_values(path: Path, cells: Any, names: Sequence[str] = ()) -> Values:
    """Return values as numbers, (N, K).

    Raises:
        InputError: a value is not a number, or they do not form a table.
    """
    try:
        values = np.asarray(cells, dtype=np.float64)
    except (ValueError, TypeError):
        for number, row in enumerate(cells, 1):
            for place, cell in enumerate(row):
                if not _is_number(cell):
                    name = f", {names[place]}" if names else ""
                    raise InputError(f"{path}: row {number}{name}: {cell!r} is not a number; correct the row") from None
        raise InputError(f"{path}: the rows differ in length; give every image a number for each class") from None
    if values.ndim != 2 or not values.size:
        raise InputError(f"{path}: expected a row an image and a column a class, found shape {values.shape}")
    return values


def _is_value(word: str, place: int, rows: Sequence[Sequence[Any]]) -> bool:
    return word.casefold() not in _NO_VALUES and any(_is_number(row[place]) for row in rows)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (ValueError, TypeError):
        return False
    return True


TOLERANCE = 0.01  # of the sum of a row: seven probabilities rounded to three digits
_EXACT = 1e-5  # float32; rows that differ more are divided by their sum, with a note


def to_probabilities(table: PredictionTable, wanted: str | None) -> tuple[Values, str, list[str]]:
    """Return probabilities, the kind of values in the file, and notes.

    Args:
        table: table of the file.
        wanted: the user's PROBABILITIES or LOGITS; None: as named in the file, or detected from the numbers.

    Returns:
        (N, K), rows that sum to 1; PROBABILITIES or LOGITS; notes.

    Raises:
        InputError: a value is not a finite number, the kind cannot be detected, or a row is not a distribution.
    """
    values, path, notes = table.values, table.path, list[str]()
    bad = np.flatnonzero(~np.isfinite(values).all(1))
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 1} holds a value that is not a finite number ({len(bad):,} such rows); predict "
            "these images again"
        )
    if wanted and table.kind and wanted != table.kind:
        raise InputError(f"{path}: says itself that it holds {table.kind}; leave --values {wanted} out")
    kind = wanted or table.kind
    sums = values.sum(1)
    if not kind:
        kind = _recognise(table, sums)
        notes.append(f"taken for {kind}: {_reason(kind)}; --values says it yourself")
    if kind == LOGITS:
        return softmax(values, axis=1), kind, notes
    outside = np.flatnonzero(((values < 0) | (values > 1 + _EXACT)).any(1))
    if len(outside):
        raise InputError(
            f"{path}: row {outside[0] + 1} has a value outside of 0 to 1 ({len(outside):,} such rows), so these are no "
            f"probabilities; give --values {LOGITS} if that is what they are"
        )
    wrong = np.flatnonzero(np.abs(sums - 1) > TOLERANCE)
    if len(wrong):
        raise InputError(
            f"{path}: row {wrong[0] + 1} sums to {sums[wrong[0]]:.4f} and not to 1 ({len(wrong):,} such rows); give "
            f"every class a column, or --values {LOGITS} if that is what they are"
        )
    largest = float(np.abs(sums - 1).max())
    if largest > _EXACT:
        notes.append(f"rows sum to 1 within {largest:.2g} only, as rounded numbers do; each is divided by its sum")
    return np.clip(values / sums[:, None], 0, 1), kind, notes


def _recognise(table: PredictionTable, sums: Values) -> str:
    """Detect the kind of values: negative numbers are not probabilities, and rows of logits do not all sum to 1."""
    if (table.values < 0).any():
        return LOGITS
    if (table.values <= 1 + _EXACT).all() and (np.abs(sums - 1) <= TOLERANCE).all():
        return PROBABILITIES
    row = int(np.argmax(np.abs(sums - 1)))
    raise InputError(
        f"{table.path}: neither probabilities nor surely logits: no value is negative, and row {row + 1} sums to "
        f"{sums[row]:.4f}; give probabilities that sum to 1, or --values {LOGITS} if that is what they are"
    )


def _reason(kind: str) -> str:
    return "some values are negative" if kind == LOGITS else "all lie within 0 to 1, and every row sums to 1"
