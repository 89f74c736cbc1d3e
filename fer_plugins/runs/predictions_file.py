"""Reads predictions.csv once and assigns its rows to splits and datasets."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer_plugins.runs.packed_predictions import predictions_path, read_predictions
from fer_plugins.runs.record import Record
from fer_plugins.runs.record_types import need
from fer_plugins.runtime.errors import InputError, one_line

if TYPE_CHECKING:
    from fer_plugins.metrics.predictions import Predictions

Labels = npt.NDArray[np.int64]


class NoScore(InputError):
    """A valid run without a single score for the question asked; it may be skipped if other runs have one."""


@dataclass(frozen=True)
class NamedPredictions:
    """The predictions for a set of samples."""

    sources: tuple[str, ...]  # (N,) names of the samples
    true: Labels  # (N,)
    predicted: Labels  # (N,)
    probabilities: npt.NDArray[np.float64]  # (N, K), 0 to 1 or nan
    copies: npt.NDArray[np.str_]  # (N,) kind of copy in training: "exact", "near" or "" (none)
    majority: Labels  # (N,) the class with most votes (given in addition to the label); -1: none has, or no votes
    subjects: npt.NDArray[np.str_]  # (N,) the person in the image; "": not given by the dataset (or earlier version)
    sequences: npt.NDArray[np.str_]  # (N,) the sequence that the image is a frame of; "": not given

    @classmethod
    def join(cls, folds: Sequence[NamedPredictions]) -> NamedPredictions:
        """Concatenate the samples of several folds."""
        arrays = (np.concatenate([getattr(fold, name) for fold in folds]) for name in _ARRAYS)
        return cls(tuple(source for fold in folds for source in fold.sources), *arrays)

    def choose(self, rows: npt.NDArray[np.bool_]) -> NamedPredictions:
        """Return the predictions of the selected samples; ``rows`` is a mask (N,)."""
        return NamedPredictions(tuple(compress(self.sources, rows)), *(getattr(self, name)[rows] for name in _ARRAYS))

    def to_predictions(self) -> Predictions:
        """Convert to ``Predictions``, as a pass over a split returns them; the loss is finite, in nats."""
        from fer_plugins.metrics.predictions import Predictions  # imports torch

        rows = np.arange(len(self.true))
        own = np.maximum(self.probabilities[rows, self.true], np.finfo(np.float64).tiny)
        correct = int((self.true == self.predicted).sum())
        return Predictions(rows, self.true, self.predicted, self.probabilities, -np.log(own), correct)


_ARRAYS = [field.name for field in fields(NamedPredictions)][1:]


@dataclass(frozen=True)
class PredictionsFile:
    """The content of predictions.csv of a finished run."""

    record: Record
    classes: tuple[str, ...]  # in label order
    splits: npt.NDArray[np.object_]  # (N,) "test", "val" or "train"
    datasets: npt.NDArray[np.object_]  # (N,) names in ``data.targets``; "": the dataset that was trained on
    rows: NamedPredictions  # of all splits and datasets
    cut: str  # added to error messages if the file ends in the middle of a line

    @classmethod
    def read(cls, record: Record, classes: Sequence[str]) -> PredictionsFile:
        """Read predictions.csv of a run.

        Raises:
            InputError: the file cannot be read, lacks a column, names an unknown class or dataset, or holds an invalid
                probability.
            NoScore: an earlier version wrote the file and its rows cannot be assigned to datasets.
        """
        path, place = predictions_path(record.folder), {name: number for number, name in enumerate(classes)}
        try:
            rows: list[dict[str, Any]] = list(record.predictions())
            content = read_predictions(record.folder)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read: {one_line(error)}") from None
        cut = "" if content.endswith(b"\n") else "; it is cut off in the middle of its last line"
        probabilities = [f"p_{name}" for name in classes]
        missing = {"split", "source", "true", "predicted", *probabilities} - rows[0].keys() if rows else ()
        if missing:
            raise InputError(
                f"{path}: cannot be read: it lacks a column of split, source, true and predicted, or p_CLASS for each "
                "class; not written by a run"
            )
        for number, row in enumerate(rows, 2):
            for name in (row["true"], row["predicted"], row.get("majority") or row["true"]):
                if name not in place:
                    raise InputError(f"{path}: line {number} has {name!r}, which is not a class of the run{cut}")
        return cls(
            record,
            tuple(classes),
            np.array([row["split"] for row in rows], dtype=object),
            np.array(_datasets_of(record, rows), dtype=object),
            NamedPredictions(
                tuple(row["source"] for row in rows),
                np.array([place[row["true"]] for row in rows], dtype=np.int64),
                np.array([place[row["predicted"]] for row in rows], dtype=np.int64),
                _read_probabilities(path, [[row[name] for name in probabilities] for row in rows], len(classes), cut),
                _read_copies(path, rows, cut),
                np.array([place.get(row.get("majority", ""), -1) for row in rows], dtype=np.int64),
                *(np.array([row.get(name) or "" for row in rows], dtype=np.str_) for name in ("subject", "sequence")),
            ),
            cut,
        )

    def of(self, split: str, dataset: str = "") -> NamedPredictions:
        """Return the predictions of one split and dataset.

        Args:
            split: "test", "val" or "train".
            dataset: a name in ``data.targets``, or "" for the dataset that the network was trained on.

        Raises:
            InputError: a sample occurs twice.
        """
        chosen = self.rows.choose((self.splits == split) & (self.datasets == dataset))
        if len(set(chosen.sources)) != len(chosen.sources):
            path = predictions_path(self.record.folder)
            raise InputError(f"{path}: a sample of {split} appears in it twice{self.cut}")
        return chosen

    def check_end(self) -> None:
        """Check that the file does not end in the middle of a line; its last number may have lost digits.

        Raises:
            InputError: it does.
        """
        if self.cut:
            path = predictions_path(self.record.folder)
            raise InputError(f"{path}: cannot be read{self.cut.replace(';', ':', 1)}; repeat the run")


def _read_copies(path: Path, rows: Sequence[Mapping[str, str]], cut: str) -> npt.NDArray[np.str_]:
    column = [row.get("copy") or "" for row in rows]
    for number, value in enumerate(column, 2):
        if value not in ("", "exact", "near"):
            raise InputError(f"{path}: line {number} has copy {value!r}, which is neither exact nor near{cut}")
    return np.array(column, dtype="<U5")


def _read_probabilities(path: Path, cells: list[list[Any]], size: int, cut: str) -> npt.NDArray[np.float64]:
    try:
        read = np.array(cells, dtype=np.float64).reshape(len(cells), size)
    except (ValueError, TypeError):
        raise InputError(f"{path}: cannot be read: holds a probability that is not a number{cut}") from None
    if ((read < 0) | (read > 1)).any():  # nan is reported where the probabilities are drawn
        raise InputError(f"{path}: holds probabilities outside of 0 to 1{cut}; repeat the run")
    return read


def _datasets_of(record: Record, rows: Sequence[Mapping[str, str]]) -> list[str]:
    path = predictions_path(record.folder)
    targets = record.metrics.get("targets") or {}
    if rows and "dataset" not in rows[0]:  # a run of an earlier version
        return _datasets_by_source(record, rows, targets)
    named = [row.get("dataset") or "" for row in rows]
    for number, name in enumerate(named, 2):
        if name and name not in targets:
            raise InputError(f"{path}: line {number} is of dataset {name!r}, which metrics.json has no scores of")
    return named


def _datasets_by_source(record: Record, rows: Sequence[Mapping[str, str]], targets: Mapping[str, Any]) -> list[str]:
    """Assign rows to targets by sample name, "NAME:source" in ``JoinedDatasets``, and check the number of rows."""
    longest_first = sorted(targets, key=len, reverse=True)
    named = [
        next((target for target in longest_first if (row.get("source") or "").startswith(f"{target}:")), "")
        for row in rows
    ]
    counted = Counter(named)
    if any(counted[name] != need(record, "metrics", "targets", name, "n") for name in targets):
        raise NoScore(
            f"{record.folder / 'predictions.csv'}: an earlier version wrote it without a column dataset, and the rows "
            f"of {', '.join(targets)} cannot be told from the others; train again: fer-run --config "
            f"{record.folder / 'config.yaml'}"
        )
    return named
