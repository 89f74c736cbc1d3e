"""Reads the folders of finished runs and proves that their files, and several runs, belong together."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.errors import InputError
from fer_plugins.evaluate.intervals import Matrix, macro_scores, wilson
from fer_plugins.evaluate.record_types import check_types
from fer_plugins.evaluate.trained_samples import note_on_splits
from fer_plugins.record import Record

_LARGEST = 1e300  # finite, and no whole number too large for a float
Labels = npt.NDArray[np.int64]
_MAY_BE_UNDEFINED = ("specificity", "kappa", "mcc")  # null where the formula has no denominator


@dataclass(frozen=True)
class FinishedRun:
    """A run that was finished, or every fold of a protocol pooled, with the predictions of the part it reports on."""

    record: Record
    part: str  # "test", or "val" where run.test was false
    classes: tuple[str, ...]  # in label order
    sources: tuple[str, ...]  # (N,) names of the samples
    true: Labels  # (N,)
    predicted: Labels  # (N,)
    split_hash: tuple[str, ...]  # one, or one a fold
    faults: tuple[str, ...]  # why it is not a result

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.record.folder.resolve().name

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return int(self.record.manifest["seeds"]["run"])

    @property
    def scores(self) -> Mapping[str, Any]:
        """The scores of the reported part, as in metrics.json."""
        scores: Mapping[str, Any] = self.record.metrics[self.part]
        return scores

    @property
    def is_folds(self) -> bool:
        """Whether these are the pooled folds of a protocol, which were trained on different parts."""
        return "folds" in self.record.manifest


def read_run(folder: str | Path) -> FinishedRun:
    """Read a finished run, or the folder of a protocol's folds, and check that its files fit each other.

    Raises:
        InputError: there is no such folder, it is no run's or one that is not finished, a file is missing or damaged,
            or predictions.csv is not what metrics.json was computed from; one line.
    """
    folder = Path(folder)
    if not os.path.exists(folder):  # and not Path.exists, which refuses an over-long name with an OSError
        raise InputError(f"{folder}: no such folder; give the folder of a finished run")
    try:
        record = Record.read(folder)
    except RecursionError:
        raise InputError(f"{folder}: a file is nested too deeply; it was not written by a run") from None
    for name in ("config", "manifest", "metrics"):
        content, name = getattr(record, name), f"{name}.{'yaml' if name == 'config' else 'json'}"
        if not isinstance(content, dict):
            raise InputError(f"{folder}: {name} holds no mapping; it was not written by a run")
    check_types(record)
    status = record.manifest.get("status")
    if status != "finished":
        raise InputError(
            f"{folder}: this run is {' '.join(str(status or 'without a status').split())}, not finished; "
            f"fer-run --resume {folder}"
        )
    for name in ("metrics.json", "predictions.csv"):
        if not (folder / name).is_file() and not (name == "predictions.csv" and _is_unpooled(record)):
            raise InputError(f"{folder}: the run is finished, but {name} is missing; repeat the run")
    if _is_unpooled(record):
        raise InputError(
            f"{folder}: its folds test some samples twice, so nothing is pooled; give the folders of folds"
        )
    part = str(_need(record, "manifest", "reported_on"))
    if part not in ("test", "val"):
        raise InputError(f"{folder}: manifest.json has reported_on {part!r}, neither test nor val")
    classes = tuple(map(str, _need(record, "manifest", "data", "classes")))
    for path in (
        ("plugin", "name"),
        ("seeds", "run"),
        ("protocol", "name"),
        ("data", "title"),
        ("data", "fingerprint"),
    ):
        _need(record, "manifest", *path)
    if type(record.manifest["seeds"]["run"]) is not int:
        raise InputError(f"{folder}: manifest.json has seeds.run {record.manifest['seeds']['run']!r}, no whole number")
    for path in (("model", "name"), ("data", "name"), ("protocol", "name")):
        _need(record, "config", *path)
    for score in ("n", "accuracy", "f1", "intervals"):
        _need(record, "metrics", part, score)
    sources, true, predicted = _read_predictions(record, part, classes)
    _check_fit(record, part, true, predicted, len(classes))
    for other in {"val", "test"} - {part}:
        _, labels, answers = _read_predictions(record, other, classes)
        if other in record.metrics and len(labels):
            _check_fit(record, other, labels, answers, len(classes))
    folds = "folds" in record.manifest
    hashes = _need(record, "manifest", "split_hashes") if folds else [_need(record, "manifest", "data", "split_hash")]
    faults = _need(record, "manifest" if folds else "metrics", "not_a_result")
    if not isinstance(faults, list):
        raise InputError(f"{folder}: not_a_result is no list of faults; it was not written by a run")
    return FinishedRun(record, part, classes, sources, true, predicted, tuple(hashes), tuple(faults))


def read_runs(folders: Sequence[str | Path], *, least: int = 1) -> list[FinishedRun]:
    """Read several runs.

    Args:
        folders: of the runs.
        least: how many are needed.

    Raises:
        InputError: too few, one is given twice, or as ``read_run``.
    """
    if len(folders) < least:
        said = "no run is given" if not folders else f"{len(folders)} run is given, at least {least} are needed"
        raise InputError(f"{said}; name the folders of finished runs")
    seen: dict[Path, str | Path] = {}
    for folder in folders:
        real = Path(folder).resolve()
        if real in seen:
            raise InputError(f"{folder}: the same folder as {seen[real]}; name every run once")
        seen[real] = folder
    return [read_run(folder) for folder in folders]


def check_same_test(runs: Sequence[FinishedRun]) -> list[str]:
    """Check that all runs were scored on the same samples with the same labels; return what is to be said of it.

    The same samples under different splits (less training data, say) are compared, with a note.

    Raises:
        InputError: two runs were scored on different parts, classes or samples.
    """
    first = runs[0]
    truth = dict(zip(first.sources, first.true.tolist(), strict=True))
    for run in runs[1:]:
        where = f"{first.record.folder} and {run.record.folder}"
        if run.part != first.part:
            raise InputError(f"{where}: one is scored on {first.part}, the other on {run.part}; compare like with like")
        if run.classes != first.classes:
            raise InputError(f"{where}: their classes differ ({', '.join(first.classes)}; {', '.join(run.classes)})")
        if dict(zip(run.sources, run.true.tolist(), strict=True)) == truth:
            continue
        hashes = f"split {'+'.join(first.split_hash)} and {'+'.join(run.split_hash)}"
        if run.split_hash == first.split_hash:
            raise InputError(f"{where}: one split, but other sample names; run both on the same copy of the dataset")
        raise InputError(f"{where}: different test sets ({hashes}); only runs on the same samples can be compared")
    notes = []
    if len({run.split_hash for run in runs}) > 1:
        notes.append(note_on_splits([run.record for run in runs], first.part))
    if any(run.is_folds for run in runs):
        notes.append("predictions pooled over folds: several networks a side, trained on overlapping parts")
    return notes


def align(run: FinishedRun, first: FinishedRun) -> Labels:
    """Return the predictions of ``run`` in the order of ``first``'s samples, (N,)."""
    place = {source: number for number, source in enumerate(run.sources)}
    return run.predicted[[place[source] for source in first.sources]]


def _is_unpooled(record: Record) -> bool:
    return "folds" in record.manifest and record.manifest.get("each_sample_tested_once") is False


def _need(record: Record, file: str, *path: str) -> Any:
    value: Any = getattr(record, file)
    for key in path:
        if not isinstance(value, Mapping) or value.get(key) is None:
            name = "config.yaml" if file == "config" else f"{file}.json"
            raise InputError(f"{record.folder}: {name} has no {'.'.join(path)}; it was not written by this version")
        value = value[key]
    return value


def _read_predictions(record: Record, part: str, classes: Sequence[str]) -> tuple[tuple[str, ...], Labels, Labels]:
    path = record.folder / "predictions.csv"
    place = {name: number for number, name in enumerate(classes)}
    sources, true, predicted = [], [], []
    try:
        for number, row in enumerate(record.predictions(), 2):
            if not {"split", "source", "true", "predicted"} <= row.keys():
                raise InputError(f"{path}: lacks a column of split, source, true and predicted; not written by a run")
            if row["split"] != part:
                continue
            for name in (row["true"], row["predicted"]):
                if name not in place:
                    raise InputError(f"{path}: line {number} has {name!r}, which is no class of the run")
            sources.append(row["source"])
            true.append(place[row["true"]])
            predicted.append(place[row["predicted"]])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if len(set(sources)) != len(sources):
        raise InputError(f"{path}: a sample of {part} stands in it twice")
    return tuple(sources), np.array(true, dtype=np.int64), np.array(predicted, dtype=np.int64)


def _check_fit(record: Record, part: str, true: Labels, predicted: Labels, size: int) -> None:
    """Refuse predictions that are not those which the scores were computed from."""
    folder = record.folder
    counts, scores = _need(record, "metrics", part, "n"), record.metrics[part]
    if not len(true):
        raise InputError(f"{folder}: predictions.csv has no row of {part}; repeat the run")
    if len(true) != counts:
        counted = f"predictions.csv has {len(true)} rows of {part}, metrics.json counts {counts!r}"
        raise InputError(f"{folder}: {counted}; repeat the run")
    matrix: Matrix = np.zeros((size, size), dtype=np.int64)
    np.add.at(matrix, (true, predicted), 1)
    for name, value in {"accuracy": matrix.trace() / len(true), **macro_scores(matrix)}.items():
        if name not in scores or (name in _MAY_BE_UNDEFINED and scores[name] is None):
            continue  # a run of an earlier version; a score that is 0/0
        if not _is_near(scores[name], value):
            said = f"predictions.csv gives {name} {value:.4f}, metrics.json has {scores[name]!r}"
            raise InputError(f"{folder}: {said}; the files do not belong together: repeat the run")
    intervals = _need(record, "metrics", part, "intervals")
    for name in ("accuracy", "f1"):
        ends = [_need(record, "metrics", part, "intervals", name, end) for end in ("low", "high")]
        if not all(_is_number(end) for end in ends) or ends[0] > ends[1]:
            raise InputError(f"{folder}: metrics.json has {part}.intervals.{name} {ends}; it was not written by a run")
    expected = wilson(int(matrix.trace()), len(true))
    if expected and not all(_is_near(intervals["accuracy"][end], expected[end]) for end in ("low", "high")):
        raise InputError(f"{folder}: the interval of accuracy in metrics.json is not that of its hits; repeat the run")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


def _is_near(value: Any, expected: float) -> bool:
    return _is_number(value) and abs(value - float(expected)) <= 1e-6
