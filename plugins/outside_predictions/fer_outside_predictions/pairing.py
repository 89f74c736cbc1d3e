"""Pair the predictions of a file with the labels of the dataset, and look for signs of a wrong order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_outside_predictions.matching import find_better_order, find_class, match_rows, name_columns
from fer_outside_predictions.table import PredictionTable, to_probabilities
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runs.evaluation_file import hash_file
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice
from fer_plugins.training.score_split import SplitScores


@dataclass(frozen=True)
class Request:
    """A file of predictions and its description.

    Attributes:
        file: file of predictions.
        flags: nested settings of the sections data and protocol.
        split: "test" or "val".
        classes: class order of the columns; None: the names in the file.
        values: "probabilities" or "logits"; None: detected.
        match: "order", "name" or "digest"; None: by the columns of the file.
        name: name of the network; None: the file's name.
        claims: architecture whose paper's claims are compared; None: none.
        seed: seed of the training; None: unknown.
        fold: fold of the protocol; None: it has only one.
        output: parent folder of run folders.
    """

    file: Path
    flags: Mapping[str, Any]
    split: str = "test"
    classes: Sequence[str] | None = None
    values: str | None = None
    match: str | None = None
    name: str | None = None
    claims: str | None = None
    seed: int | None = None
    fold: int | None = None
    output: str = "runs"


Labels = npt.NDArray[np.int64]


def pair(
    table: PredictionTable, data: FERDataModule, request: Request
) -> tuple[Predictions, dict[str, Any], list[str]]:
    """Return the predictions of the split with their labels, their origin, and warnings."""
    rows = data.rows(request.split)
    columns = name_columns(table, data.classes, request.classes)
    values, kind, notes = to_probabilities(table, request.values)
    digests = data.table.digest
    assert digests is not None
    order, matched_by = match_rows(table, request.split, data.source_names(rows), digests[rows].tolist(), request.match)
    if matched_by == "order":
        notes.append(f"rows are matched with the images of {request.split} by their order; names or digests prove it")
    if request.classes and table.names and tuple(find_class(name, data.classes) for name in table.names) != columns:
        notes.append(f"the file names its columns {', '.join(table.names)}; --classes says {', '.join(columns)}")
    if table.unused:
        notes.append(f"columns that are not used: {', '.join(table.unused)}")
    place = [columns.index(name) for name in data.classes]
    probabilities = values[order][:, place]
    label, predicted = data.table.label[rows], probabilities.argmax(1)
    _check_column(table, "true", order, label, data.classes, columns)
    best = probabilities == probabilities.max(1, keepdims=True)
    ties = int((best.sum(1) > 1).sum())
    if ties:
        notes.append(f"{ties:,} images have two largest values; the first in the order of the labels counts")
    else:
        _check_column(table, "predicted", order, predicted, data.classes, columns)
    own = np.maximum(probabilities[np.arange(len(rows)), label], np.finfo(np.float64).tiny)
    predictions = Predictions(rows, label, predicted, probabilities, -np.log(own), int((predicted == label).sum()))
    origin = {
        "file": request.file.name,
        "sha256": hash_file(request.file),
        "format": table.form,
        "values": kind,
        "matched_by": matched_by,
        "columns": list(columns),
        "claims_of": request.claims,
        "seed": request.seed,
    }
    return predictions, origin, notes


def _check_column(
    table: PredictionTable, role: str, order: Labels, wanted: Labels, classes: Sequence[str], columns: Sequence[str]
) -> None:
    """Check that a column of classes agrees with the labels or the values.

    Args:
        table: table of the file.
        role: "true" or "predicted".
        order: (N,) the row of each image.
        wanted: (N,) class that the column must have for each image.
        classes: class names in label order.
        columns: class of each column, which the numbers 0, 1, 2, ... refer to.

    Raises:
        InputError: the column names no class, or another one.
    """
    cells = table.column(role)
    if cells is None:
        return
    meanings: dict[str, str | None] = {cell: find_class(cell, classes) for cell in dict.fromkeys(cells)}
    numbers = {cell: cell.removesuffix(".0") for cell in meanings}  # as written by pandas
    meanings |= {
        cell: columns[int(number)]
        for cell, number in numbers.items()
        if number.isdecimal() and int(number) < len(columns)
    }
    for row, place in zip(order.tolist(), wanted.tolist(), strict=True):
        if meanings[cells[row]] != classes[place]:
            reference = "the dataset's label" if role == "true" else "the column with the largest value"
            raise InputError(
                f"{table.path}: row {row + 1} has {role} {cells[row]}, but {reference} is {classes[place]}: the rows "
                "or the columns are in another order; correct it, or remove the column to score the file as it stands"
            )


def find_doubts(
    predictions: Predictions, scored: SplitScores, data: FERDataModule, columns: Sequence[str]
) -> list[str]:
    """Return reasons to doubt the order of the columns or of the rows."""
    doubts = list[str]()
    better = find_better_order(predictions.label, predictions.predicted, len(data.classes))
    if better is not None:
        correct = int((better[predictions.predicted] == predictions.label).sum())
        order = [data.classes[better[data.classes.index(name)]] for name in columns]
        text = (
            f"another order of the classes would score better: accuracy {correct / len(predictions):.4f} and not "
            f"{scored.scores['accuracy']:.4f}, with --classes {','.join(order)}; the columns are taken for "
            f"{','.join(columns)}. The code that made the file says which is right, not the score"
        )
        doubts.append(Notice("class_order", text, {"order": order}))
    kappa = (scored.scores.get("intervals") or {}).get("kappa")
    if kappa and kappa["low"] <= 0:
        text = "no better than chance: the rows may be in another order than the images; match them by name"
        doubts.append(Notice("row_order", f"predictions and labels agree {text}", {"kappa": kappa}))
    return doubts
