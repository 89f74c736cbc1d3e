"""predictions.csv, read once: which rows are of which split and dataset, and whether the scores come from them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.confusion import Matrix, macro_scores
from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.table import HEADLINE, may_be_undefined
from fer_plugins.runs.record import Record
from fer_plugins.runs.record_types import need, place_of_scores
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    from fer_plugins.metrics.predictions import Predictions

_LARGEST = 1e300  # finite, and no whole number too large for a float
Labels = npt.NDArray[np.int64]


class NoScore(InputError):
    """A sound run that has no one score for the question asked; it may be left out where others have one."""


@dataclass(frozen=True)
class Answers:
    """What was predicted of some samples."""

    sources: tuple[str, ...]  # (N,) names of the samples
    true: Labels  # (N,)
    predicted: Labels  # (N,)
    probabilities: npt.NDArray[np.float64]  # (N, K), 0 to 1 or nan

    @classmethod
    def join(cls, several: Sequence[Answers]) -> Answers:
        """Return the samples of several, one after the other (the folds of a protocol, say)."""
        return cls(
            tuple(source for answers in several for source in answers.sources),
            np.concatenate([answers.true for answers in several]),
            np.concatenate([answers.predicted for answers in several]),
            np.concatenate([answers.probabilities for answers in several]),
        )

    def choose(self, rows: npt.NDArray[np.bool_]) -> Answers:
        """Return those of some of the samples, (N,)."""
        sources = tuple(source for source, kept in zip(self.sources, rows.tolist(), strict=True) if kept)
        return Answers(sources, self.true[rows], self.predicted[rows], self.probabilities[rows])

    def predictions(self) -> Predictions:
        """Return them as what a pass over a split gives: scored and drawn alike. The loss is finite, in nats."""
        from fer_plugins.metrics.predictions import Predictions  # imports torch

        rows = np.arange(len(self.true))
        own = np.maximum(self.probabilities[rows, self.true], np.finfo(np.float64).tiny)
        correct = int((self.true == self.predicted).sum())
        return Predictions(rows, self.true, self.predicted, self.probabilities, -np.log(own), correct)


@dataclass(frozen=True)
class RecordedAnswers:
    """What predictions.csv of a finished run holds."""

    record: Record
    classes: tuple[str, ...]  # in label order
    splits: npt.NDArray[np.object_]  # (N,) "test" or "val"
    datasets: npt.NDArray[np.object_]  # (N,) names of ``data.targets``, "": the dataset that was trained on
    answers: Answers  # of all rows
    cut: str  # what is to be added to any complaint where the file ends within a line

    @classmethod
    def read(cls, record: Record, classes: Sequence[str]) -> RecordedAnswers:
        """Read the file of a run.

        Args:
            record: of the run, with its metrics.
            classes: names in label order.

        Raises:
            InputError: the file cannot be read, lacks a column, names an unknown class or dataset, or holds a
                probability that is none; ``NoScore`` where an earlier version wrote it and its rows cannot be told
                apart.
        """
        path, place = record.folder / "predictions.csv", {name: number for number, name in enumerate(classes)}
        try:
            rows: list[dict[str, Any]] = list(record.predictions())
            content = path.read_bytes()
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
        cut = "" if content.endswith(b"\n") else "; it is cut off in the middle of its last line"
        probabilities = [f"p_{name}" for name in classes]
        missing = {"split", "source", "true", "predicted", *probabilities} - rows[0].keys() if rows else ()
        if missing:
            raise InputError(
                f"{path}: cannot be read: it lacks a column of split, source, true and predicted, or p_CLASS for each "
                "class; not written by a run"
            )
        for number, row in enumerate(rows, 2):
            for name in (row["true"], row["predicted"]):
                if name not in place:
                    raise InputError(f"{path}: line {number} has {name!r}, which is no class of the run{cut}")
        return cls(
            record,
            tuple(classes),
            np.array([row["split"] for row in rows], dtype=object),
            np.array(_datasets_of(record, rows), dtype=object),
            Answers(
                tuple(row["source"] for row in rows),
                np.array([place[row["true"]] for row in rows], dtype=np.int64),
                np.array([place[row["predicted"]] for row in rows], dtype=np.int64),
                _read_probabilities(path, [[row[name] for name in probabilities] for row in rows], len(classes), cut),
            ),
            cut,
        )

    def of(self, split: str, dataset: str = "") -> Answers:
        """Return the answers of one split and dataset.

        Args:
            split: "test" or "val".
            dataset: a name of ``data.targets``; "" is the dataset that was trained on.

        Raises:
            InputError: a sample stands in it twice.
        """
        found = self.answers.choose((self.splits == split) & (self.datasets == dataset))
        if len(set(found.sources)) != len(found.sources):
            path = self.record.folder / "predictions.csv"
            raise InputError(f"{path}: a sample of {split} stands in it twice{self.cut}")
        return found

    def check_end(self) -> None:
        """Refuse a file that ends within a line: its last number may have lost digits.

        Raises:
            InputError: it does.
        """
        if self.cut:
            path = self.record.folder / "predictions.csv"
            raise InputError(f"{path}: cannot be read{self.cut.replace(';', ':', 1)}; repeat the run")

    def check_fit(self, split: str, dataset: str = "") -> None:
        """Check that the answers are those which the scores in metrics.json were computed from.

        Args:
            split: "test" or "val".
            dataset: see ``of``.

        Raises:
            InputError: they are not.
        """
        record, folder, where = self.record, self.record.folder, place_of_scores(split, dataset)
        answers, size = self.of(split, dataset), len(self.classes)
        what, true = f"{split} of {dataset}" if dataset else split, answers.true
        counts, scores = need(record, "metrics", *where, "n"), need(record, "metrics", *where)
        if not len(true):
            raise InputError(f"{folder}: predictions.csv has no row of {what}{self.cut}; repeat the run")
        if len(true) != counts:
            counted = f"predictions.csv has {len(true)} rows of {what}, metrics.json counts {counts!r}"
            raise InputError(f"{folder}: {counted}{self.cut}; repeat the run")
        matrix: Matrix = np.zeros((size, size), dtype=np.int64)
        np.add.at(matrix, (true, answers.predicted), 1)
        for name, value in {"accuracy": matrix.trace() / len(true), **macro_scores(matrix)}.items():
            if name not in scores or (scores[name] is None and may_be_undefined(name)):
                continue  # a run of an earlier version; a score that is 0/0
            if not _is_near(scores[name], value):
                said = f"predictions.csv gives {name} {value:.4f} of {what}, metrics.json has {scores[name]!r}"
                raise _not_together(folder, said, self.cut)
        if scores.get("confusion_matrix", matrix.tolist()) != matrix.tolist():
            raise _not_together(folder, f"metrics.json has another confusion matrix of {what}", self.cut)
        _check_intervals(record, where, matrix)


def _read_probabilities(path: Path, cells: list[list[Any]], size: int, cut: str) -> npt.NDArray[np.float64]:
    try:
        read = np.array(cells, dtype=np.float64).reshape(len(cells), size)
    except (ValueError, TypeError):
        raise InputError(f"{path}: cannot be read: holds a probability that is no number{cut}") from None
    if ((read < 0) | (read > 1)).any():  # those that are nan are told where they are to be drawn
        raise InputError(f"{path}: holds probabilities outside of 0 to 1{cut}; repeat the run")
    return read


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


def _not_together(folder: Path, said: str, cut: str) -> InputError:
    return InputError(
        f"{folder}: {said}; the files do not belong together, predictions.csv is not what metrics.json was computed "
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
