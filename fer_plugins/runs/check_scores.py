"""Checks that the scores in metrics.json were computed from the rows of predictions.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_plugins.metrics.confusion import Matrix, macro_scores
from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.table import HEADLINE, may_be_undefined
from fer_plugins.metrics.votes import compare_majority
from fer_plugins.runs.predictions_file import NamedPredictions, PredictionsFile
from fer_plugins.runs.record import Record
from fer_plugins.runs.record_types import need, place_of_scores
from fer_plugins.runtime.errors import InputError

_LARGEST = 1e300  # excludes inf and integers too large for a float


def check_scores(recorded: PredictionsFile, split: str, dataset: str = "") -> None:
    """Check that the scores of a split and dataset match its rows in predictions.csv.

    Args:
        recorded: predictions.csv of the run.
        split: "test", "val" or "train".
        dataset: a name in ``data.targets``, or "" for the dataset that the network was trained on.

    Raises:
        InputError: they do not match.
        InputError: they are not.
    """
    record, where = recorded.record, place_of_scores(split, dataset)
    predictions, size, folder, cut = recorded.of(split, dataset), len(recorded.classes), record.folder, recorded.cut
    rows, true = f"{split} of {dataset}" if dataset else split, predictions.true
    counts, scores = need(record, "metrics", *where, "n"), need(record, "metrics", *where)
    if not len(true):
        raise InputError(f"{folder}: predictions.csv has no row of {rows}{cut}; repeat the run")
    if len(true) != counts:
        counted = f"predictions.csv has {len(true)} rows of {rows}, metrics.json counts {counts!r}"
        raise InputError(f"{folder}: {counted}{cut}; repeat the run")
    matrix: Matrix = np.zeros((size, size), dtype=np.int64)
    np.add.at(matrix, (true, predictions.predicted), 1)
    for name, value in {"accuracy": matrix.trace() / len(true), **macro_scores(matrix)}.items():
        if name not in scores or (scores[name] is None and may_be_undefined(name)):
            continue  # not recorded by an earlier version, or undefined (0/0)
        if not _is_near(scores[name], value):
            text = f"predictions.csv gives {name} {value:.4f} of {rows}, metrics.json has {scores[name]!r}"
            raise _not_together(folder, text, cut)
    if scores.get("confusion_matrix", matrix.tolist()) != matrix.tolist():
        raise _not_together(folder, f"metrics.json has another confusion matrix of {rows}", cut)
    _check_intervals(record, where, matrix)
    if not dataset:
        _check_copies(recorded, split, predictions)
        _check_majority(recorded, split, predictions)


def _check_copies(recorded: PredictionsFile, split: str, predictions: NamedPredictions) -> None:
    """Check that the scores with and without copies match the rows that are marked as such."""
    folder, copied = recorded.record.folder, predictions.copies != ""
    copies = recorded.record.metrics[split].get("copies")
    if copied.any() != (copies is not None):
        text = f"one of metrics.json and predictions.csv has no copies of {split}"
        raise _not_together(folder, text, recorded.cut)
    for name, rows in (("without", ~copied), ("with", copied)) if copies else ():
        n, correct = int(rows.sum()), int((predictions.true == predictions.predicted)[rows].sum())
        scores = copies.get(name) or {"n": 0, "accuracy": 0.0}
        if scores.get("n") != n or not _is_near(scores.get("accuracy"), correct / max(n, 1)):
            text = f"predictions.csv gives {correct} correct of {n} images {name} a copy in {split}"
            raise _not_together(folder, text, recorded.cut)


def _check_majority(recorded: PredictionsFile, split: str, predictions: NamedPredictions) -> None:
    """Check that the agreement with the majority of the votes matches the rows; the votes themselves are not kept."""
    judged = predictions.majority >= 0
    columns = (predictions.majority, predictions.true, predictions.predicted)
    expected = compare_majority(*(column[judged] for column in columns))
    scores = recorded.record.metrics[split].get("vote_majority") or {"n": 0}
    wrong = [name for name in ("n", "errors") if judged.any() and scores.get(name) != expected[name]]
    names = ("prediction_agreement", "label_agreement", "accuracy") if judged.any() else ()
    wrong += [name for name in names if not _is_near(scores.get(name), expected[name])]
    if wrong or scores["n"] != expected["n"]:
        text = f"predictions.csv gives another {', '.join(wrong) or 'n'} beside the votes' majority of {split}"
        raise _not_together(recorded.record.folder, text, recorded.cut)


def _not_together(folder: Path, message: str, cut: str) -> InputError:
    return InputError(
        f"{folder}: {message}; the files do not belong together, predictions.csv is not what metrics.json was computed "
        f"from{cut}: repeat the run"
    )


def _check_intervals(record: Record, where: Sequence[str], matrix: Matrix) -> None:
    folder, place = record.folder, ".".join(where)
    intervals = need(record, "metrics", *where, "intervals")
    for name in HEADLINE:
        ends = [need(record, "metrics", *where, "intervals", name, end) for end in ("low", "high")]
        if not all(_is_number(end) for end in ends) or ends[0] > ends[1]:
            raise InputError(f"{folder}: metrics.json has {place}.intervals.{name} {ends}; it was not written by a run")
    expected = wilson(int(matrix.trace()), int(matrix.sum()))
    if expected and not all(_is_near(intervals["accuracy"][end], expected[end]) for end in ("low", "high")):
        raise InputError(f"{folder}: the interval of accuracy in metrics.json is not that of its hits; repeat the run")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


def _is_near(value: Any, expected: float) -> bool:
    return _is_number(value) and abs(value - float(expected)) <= 1e-6
