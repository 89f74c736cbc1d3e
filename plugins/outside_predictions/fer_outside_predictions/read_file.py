"""Read a file of predictions: CSV, JSON lines, npz or npy."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fer_outside_predictions.table import LOGITS, PROBABILITIES, PredictionTable, from_columns, to_values
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.numpy_files import read_arrays

_KINDS = {PROBABILITIES: PROBABILITIES, "probs": PROBABILITIES, LOGITS: LOGITS}


def read_predictions(path: str | Path) -> PredictionTable:
    """Read a file according to its extension.

    Raises:
        InputError: the file does not exist, has another extension, or is damaged; one line.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: its ending is none of {', '.join(_READERS)}; save the predictions as one of these")
    if not os.path.isfile(path):  # not Path: an over-long name is not a file, and raises no OSError
        raise InputError(f"{path}: there is no such file; give the file of predictions")
    try:
        return reader(path)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, csv.Error, RecursionError) as error:
        text = one_line(error, 150)
        hint = "save plain arrays of numbers and texts" if "pickle" in text else "write it again"
        raise InputError(f"{path}: cannot be read ({text}); {hint}") from None


def _read_csv(path: Path) -> PredictionTable:
    text = path.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(map(str.strip, row))]
    if not rows:
        raise InputError(f"{path}: is empty; write a row an image")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        number = next(number for number, row in enumerate(rows, 1) if len(row) != len(rows[0]))
        raise InputError(f"{path}: line {number} has {len(rows[number - 1])} cells, the first {len(rows[0])}")
    if _is_data(rows[0]):
        return PredictionTable(path, "CSV", (), to_values(path, rows))
    return from_columns(path, "CSV", rows[0], rows[1:])


def _is_data(row: list[str]) -> bool:
    """Return whether a first row holds values, not a header, which may be the codes 0, 1, 2, ..."""
    try:
        numbers = [float(cell) for cell in row]
    except ValueError:
        return False
    return numbers != list(range(len(row)))


def _read_json_lines(path: Path) -> PredictionTable:
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        content = json.loads(line)
        if not isinstance(content, dict):
            raise InputError(f"{path}: line {number} is not an object; write one {{...}} per image")
        objects.append(_flatten(content))
    if not objects:
        raise InputError(f"{path}: is empty; write a line an image")
    header = list(objects[0])
    for number, content in enumerate(objects, 1):
        if content.keys() != objects[0].keys():
            name = min(content.keys() ^ objects[0].keys())
            raise InputError(
                f"{path}: object {number} and the first differ in {name!r}; give every image the same keys"
            )
    rows = [[content[name] for name in header] for content in objects]
    table = from_columns(path, "JSON lines", header, rows)
    unnamed = all(name.startswith("#") for name in table.names)
    return PredictionTable(**{**vars(table), "names": ()}) if unnamed else table


def _flatten(content: dict[str, Any]) -> dict[str, Any]:
    """Return an object with its probabilities or logits, a list or an object, expanded to columns."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        kind = _KINDS.get(key.casefold())
        if kind is None or not isinstance(value, dict | list):
            flat[key] = value
            continue
        prefix = "logit" if kind == LOGITS else "p"
        pairs = value.items() if isinstance(value, dict) else ((f"#{place}", cell) for place, cell in enumerate(value))
        flat |= {f"{prefix}_{name}": cell for name, cell in pairs}
    return flat


def _read_npy(path: Path) -> PredictionTable:
    arrays = read_arrays(path)
    if "" not in arrays:
        raise InputError(f"{path}: holds several arrays, as a .npz file does; give it that ending")
    return PredictionTable(path, "npy", (), to_values(path, arrays[""]))


def _read_npz(path: Path) -> PredictionTable:
    arrays = read_arrays(path)
    if "" in arrays:
        raise InputError(f"{path}: holds one array, as a .npy file does; give it that ending")
    named = [name for name in arrays if name.casefold() in _KINDS]
    tables = named or [name for name, array in arrays.items() if array.ndim == 2 and array.dtype.kind == "f"]
    if len(tables) != 1:
        raise InputError(
            f"{path}: expected one array of values, {PROBABILITIES} or {LOGITS}; found {', '.join(arrays) or 'none'}"
        )
    values = to_values(path, arrays.pop(tables[0]))
    classes = arrays.pop("classes", np.array([], dtype=str))
    if classes.size not in (0, values.shape[1]):
        raise InputError(f"{path}: classes has {classes.size} names for {values.shape[1]} columns; name each column")
    names = [str(name) for name in classes.ravel()]
    columns = {name: array for name, array in arrays.items() if array.ndim == 1}
    for name, array in columns.items():
        if len(array) != len(values):
            raise InputError(f"{path}: {name} has {len(array)} entries for {len(values)} rows; give one an image")
    header = [*(f"p_#{place}" for place in range(values.shape[1])), *columns]
    rows = [
        [*row, *cells] for row, *cells in zip(values.tolist(), *map(np.ndarray.tolist, columns.values()), strict=True)
    ]
    table = from_columns(path, "npz", header, rows)
    unused = (*table.unused, *(name for name, array in arrays.items() if array.ndim != 1))
    kind = _KINDS[tables[0].casefold()] if named else ""
    return PredictionTable(path, "npz", tuple(names), values, kind, table.columns, unused)


_READERS: dict[str, Callable[[Path], PredictionTable]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".npz": _read_npz,
    ".npy": _read_npy,
}
