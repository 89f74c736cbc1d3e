"""Reads predictions.csv: which rows are of which split and dataset, and whether the scores were computed from them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fer_plugins.runtime.errors import InputError
from fer_plugins.metrics.confusion import Matrix, macro_scores
from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.table import HEADLINE, may_be_undefined
from fer_plugins.runs.record import Record

_LARGEST = 1e300  # finite, and no whole number too large for a float
Labels = npt.NDArray[np.int64]


class NoScore(InputError):
    """A sound run that has no one score for the question asked; it may be left out where others have one."""


class Answers(NamedTuple):
    """What was predicted of the samples of one dataset in one split."""

    sources: tuple[str, ...]  # (N,)
    true: Labels  # (N,)
    predicted: Labels  # (N,)


def need(record: Record, file: str, *path: str) -> Any:
    """Return a value of "config", "manifest" or "metrics".

    Raises:
        InputError: it is not there.
    """
    value: Any = getattr(record, file)
    for key in path:
        if not isinstance(value, Mapping) or value.get(key) is None:
            name = "config.yaml" if file == "config" else f"{file}.json"
            raise InputError(f"{record.folder}: {name} has no {'.'.join(path)}; it was not written by this version")
        value = value[key]
    return value


def place_of_scores(part: str, dataset: str) -> tuple[str, ...]:
    """Return the keys that lead to a dataset's scores in metrics.json; ``dataset`` "" is the one trained on."""
    return ("targets", dataset) if dataset else (part,)


def rows_of(record: Record, part: str, dataset: str = "") -> list[tuple[int, dict[str, str]]]:
    """Return the rows of predictions.csv of one split and dataset, each with its line number.

    Args:
        record: of a finished run, with its metrics.
        part: "test" or "val".
        dataset: a name of ``data.targets``; "" is the dataset that was trained on.

    Raises:
        InputError: a row names a dataset that metrics.json does not, or the rows of a run of an earlier version cannot
            be told apart (``NoScore``).
        KeyError: there is no column split.
        OSError, UnicodeDecodeError, csv.Error: the file cannot be read.
    """
    rows = record.predictions()
    return [
        (number, row)
        for number, (row, name) in enumerate(zip(rows, _datasets_of(record, rows), strict=True), 2)
        if row["split"] == part and name == dataset
    ]


def _datasets_of(record: Record, rows: Sequence[Mapping[str, str]]) -> list[str]:
    path = record.folder / "predictions.csv"
    targets = record.metrics.get("targets") or {}
    if rows and "dataset" not in rows[0]:  # a run of an earlier version
        return _datasets_by_source(record, rows, targets)
    named = [row.get("dataset") or "" for row in rows]
    for number, name in enumerate(named, 2):
        if name and name not in targets:
            raise InputError(f"{path}: line {number} is of dataset {name!r}, which metrics.json has no scores of")
    return named


def _datasets_by_source(record: Record, rows: Sequence[Mapping[str, str]], targets: Mapping[str, Any]) -> list[str]:
    """Tell datasets by how ``Joined`` names the samples of the others, "NAME:source", where the counts agree."""
    longest_first = sorted(targets, key=len, reverse=True)
    named = [
        next((one for one in longest_first if (row.get("source") or "").startswith(f"{one}:")), "") for row in rows
    ]
    counted = Counter(named)
    if any(counted[name] != need(record, "metrics", "targets", name, "n") for name in targets):
        raise NoScore(
            f"{record.folder / 'predictions.csv'}: an earlier version wrote it without a column dataset, and the rows "
            f"of {', '.join(targets)} cannot be told from the others; train again: fer-run --config "
            f"{record.folder / 'config.yaml'}"
        )
    return named


def read_answers(record: Record, part: str, classes: Sequence[str], dataset: str = "") -> Answers:
    """Read what was predicted of one dataset in one split.

    Args:
        record: of a finished run, with its metrics.
        part: "test" or "val".
        classes: names in label order.
        dataset: see ``rows_of``.

    Raises:
        InputError: the file cannot be read, lacks a column, names an unknown class, or a sample twice.
    """
    path = record.folder / "predictions.csv"
    place = {name: number for number, name in enumerate(classes)}
    sources, true, predicted = [], [], []
    try:
        for number, row in rows_of(record, part, dataset):
            for name in (row["true"], row["predicted"]):
                if name not in place:
                    raise InputError(f"{path}: line {number} has {name!r}, which is no class of the run")
            sources.append(row["source"])
            true.append(place[row["true"]])
            predicted.append(place[row["predicted"]])
    except KeyError:
        raise InputError(f"{path}: lacks a column of split, source, true and predicted; not written by a run") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if len(set(sources)) != len(sources):
        raise InputError(f"{path}: a sample of {part} stands in it twice")
    return Answers(tuple(sources), np.array(true, dtype=np.int64), np.array(predicted, dtype=np.int64))


def check_fit(record: Record, part: str, answers: Answers, size: int, dataset: str = "") -> None:
    """Check that predictions are those which the scores in metrics.json were computed from.

    Args:
        record: of a finished run.
        part: "test" or "val".
        answers: of that part and dataset.
        size: number of classes.
        dataset: see ``rows_of``.

    Raises:
        InputError: they are not.
    """
    folder, where = record.folder, place_of_scores(part, dataset)
    what, true, predicted = f"{part} of {dataset}" if dataset else part, answers.true, answers.predicted
    counts, scores = need(record, "metrics", *where, "n"), need(record, "metrics", *where)
    if not len(true):
        raise InputError(f"{folder}: predictions.csv has no row of {what}; repeat the run")
    if len(true) != counts:
        counted = f"predictions.csv has {len(true)} rows of {what}, metrics.json counts {counts!r}"
        raise InputError(f"{folder}: {counted}; repeat the run")
    matrix: Matrix = np.zeros((size, size), dtype=np.int64)
    np.add.at(matrix, (true, predicted), 1)
    for name, value in {"accuracy": matrix.trace() / len(true), **macro_scores(matrix)}.items():
        if name not in scores or (scores[name] is None and may_be_undefined(name)):
            continue  # a run of an earlier version; a score that is 0/0
        if not _is_near(scores[name], value):
            said = f"predictions.csv gives {name} {value:.4f} of {what}, metrics.json has {scores[name]!r}"
            raise InputError(f"{folder}: {said}; the files do not belong together: repeat the run")
    intervals = need(record, "metrics", *where, "intervals")
    for name in HEADLINE:
        ends = [need(record, "metrics", *where, "intervals", name, end) for end in ("low", "high")]
        if not all(_is_number(end) for end in ends) or ends[0] > ends[1]:
            place = ".".join(where)
            raise InputError(f"{folder}: metrics.json has {place}.intervals.{name} {ends}; it was not written by a run")
    expected = wilson(int(matrix.trace()), len(true))
    if expected and not all(_is_near(intervals["accuracy"][end], expected[end]) for end in ("low", "high")):
        raise InputError(f"{folder}: the interval of accuracy in metrics.json is not that of its hits; repeat the run")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


def _is_near(value: Any, expected: float) -> bool:
    return _is_number(value) and abs(value - float(expected)) <= 1e-6
