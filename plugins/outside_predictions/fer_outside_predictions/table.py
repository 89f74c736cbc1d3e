"""What a file of predictions holds, whatever its format: columns of values, and columns that say of what image."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.data.formats.split_names import split_of
from fer_plugins.runtime.errors import InputError

Values = npt.NDArray[np.float64]

# What a column says, by its name in lower case.
_ROLES = {
    "name": ("source", "name", "file", "filename", "file_name", "image", "image_name", "path"),
    "digest": ("digest", "image_digest"),
    "split": ("split", "usage"),
    "true": ("true", "label", "target", "emotion", "y_true", "true_label"),
    "predicted": ("predicted", "prediction", "pred", "y_pred", "predicted_label"),
}
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in words}
_NO_VALUES = ("", "unnamed: 0", "index", "id", "row", "confidence", "loss")  # numbers that are of no class
_PREFIX = re.compile(r"(?i)^(p|prob|probability|logit)(?:_(.+)|\((.+)\))$")
PROBABILITIES, LOGITS = "probabilities", "logits"


@dataclass(frozen=True)
class PredictionTable:
    """The predictions of a file, in its order."""

    path: Path
    form: str  # "CSV", "JSON lines", "npz" or "npy"
    names: tuple[str, ...]  # of the K columns of values; () where the file names none
    values: Values  # (N, K)
    kind: str = ""  # PROBABILITIES or LOGITS where the file says so itself
    columns: dict[str, list[str]] | None = None  # "name", "digest", "split", "true", "predicted" -> (N,) texts
    unused: tuple[str, ...] = ()  # columns that are not read

    def column(self, role: str) -> list[str] | None:
        """Return a column of texts, (N,); None where the file has none."""
        return (self.columns or {}).get(role)

    def of_split(self, split: str) -> PredictionTable:
        """Return the rows of a split; all where the file has no column of splits.

        Raises:
            InputError: a row is of no split, or no row is of this one.
        """
        words = self.column("split")
        if words is None:
            return self
        meanings = {word: split_of(word) for word in dict.fromkeys(words)}
        unknown = next((word for word, meaning in meanings.items() if meaning is None), None)
        if unknown is not None:
            raise InputError(f"{self.path}: split {unknown!r} is none of train, val and test; correct the column")
        rows = np.array([meanings[word] == split for word in words])
        if not rows.any():
            splits = ", ".join(sorted({str(meaning) for meaning in meanings.values()}))
            raise InputError(f"{self.path}: no row is of split {split}, but of {splits}; give --split")
        kept = {
            role: [text for text, row in zip(texts, rows, strict=True) if row]
            for role, texts in (self.columns or {}).items()
        }
        return replace(self, values=self.values[rows], columns=kept)


def from_columns(path: Path, form: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> PredictionTable:
    """Sort the columns of a file with a header.

    Args:
        path: of the file.
        form: the format.
        header: one name a column.
        rows: one cell a column each: texts or numbers.

    Raises:
        InputError: two columns say the same, a value is no number, or there is no column of values.
    """
    words = [str(word).strip() for word in header]
    roles = [_ROLE_OF.get(word.casefold()) or _ROLE_OF.get(word.casefold().removesuffix("s"), "") for word in words]
    for role, count in Counter(filter(None, roles)).items():
        if count > 1:
            both = " and ".join(word for word, own in zip(words, roles, strict=True) if own == role)
            raise InputError(f"{path}: the columns {both} say the same; leave one of them out")
    parts = [_PREFIX.match(word) for word in words]
    kinds = {LOGITS if part[1].casefold() == "logit" else PROBABILITIES for part in parts if part}
    if len(kinds) > 1:
        raise InputError(f"{path}: has columns of probabilities and of logits; leave one kind out")
    if kinds:
        places = [place for place, part in enumerate(parts) if part]
        names = [part[2] or part[3] for part in parts if part]
    else:
        places = [place for place, word in enumerate(words) if not roles[place] and _is_value(word, place, rows)]
        names = [words[place] for place in places]
    if not places:
        raise InputError(f"{path}: no column holds numbers of a class; name the columns as the classes of the dataset")
    unused = [word for place, word in enumerate(words) if place not in places and not roles[place]]
    return PredictionTable(
        path,
        form,
        tuple(names),
        to_values(path, [[row[place] for place in places] for row in rows], names),
        next(iter(kinds), ""),
        {role: [str(row[place]).strip() for row in rows] for place, role in enumerate(roles) if role},
        tuple(filter(None, unused)),
    )


def to_values(path: Path, cells: Any, names: Sequence[str] = ()) -> Values:
    """Return values as numbers, (N, K).

    Raises:
        InputError: one is no number, or they are no table.
    """
    try:
        values = np.asarray(cells, dtype=np.float64)
    except (ValueError, TypeError):
        for number, row in enumerate(cells, 1):
            for place, cell in enumerate(row):
                if not _is_number(cell):
                    name = f", {names[place]}" if names else ""
                    raise InputError(f"{path}: row {number}{name}: {cell!r} is no number; correct the row") from None
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
