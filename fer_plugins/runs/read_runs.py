"""Reads the folders of finished runs and checks that the files of a run, and several runs, are consistent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.check_scores import check_scores
from fer_plugins.runs.elsewhere import KEY, caveat
from fer_plugins.runs.packed_predictions import predictions_path
from fer_plugins.runs.predictions_file import Labels, NamedPredictions, NoScore, PredictionsFile
from fer_plugins.runs.record import Record
from fer_plugins.runs.record_types import need, place_of_scores
from fer_plugins.runs.trained_samples import note_on_splits
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, or all folds of a protocol pooled, with the predictions of the split that it reports on.

    The predictions are for the dataset that was trained on, or for one that a run of protocol cross_dataset was tested
    on.
    """

    record: Record
    split: str  # "test", or "val" if run.test was false, unless another split was requested
    classes: tuple[str, ...]  # in label order
    predictions: NamedPredictions  # for the samples of this split
    scores: Mapping[str, Any]  # of the same samples, as in metrics.json
    split_hash: tuple[str, ...]  # one, or one per fold
    faults: tuple[str, ...]  # reasons why it is not a valid result
    target: str = ""  # the dataset of ``data.targets`` that the samples are from; "": the dataset that was trained on

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the samples, (N,)."""
        return self.predictions.sources

    @property
    def true(self) -> Labels:
        """The true classes, (N,)."""
        return self.predictions.true

    @property
    def predicted(self) -> Labels:
        """The predicted classes, (N,)."""
        return self.predictions.predicted

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.record.folder.resolve().name

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return int(self.record.manifest["seeds"]["run"])

    @property
    def title(self) -> str:
        """The name of the samples' dataset, as used in papers if it has such a name."""
        trained_on = str(self.record.manifest["data"]["title"])
        return f"{self.target} (trained on {trained_on})" if self.target else trained_on

    @property
    def known_seed(self) -> int | None:
        """The seed; None if the network was trained elsewhere with an unknown seed (``seed`` is 0 then)."""
        origin = self.record.manifest.get(KEY)
        return origin.get("seed") if origin else self.seed

    @property
    def elsewhere(self) -> str:
        """The caveat if the network was trained elsewhere; "" for a run of ``fer-run``."""
        return caveat(self.record.manifest)

    @property
    def is_folds(self) -> bool:
        """Whether the predictions are pooled over the folds of a protocol, which were trained on different splits."""
        return "folds" in self.record.manifest


def read_finished(folder: str | Path) -> Record:
    """Read the folder of a finished run without its predictions.

    Raises:
        InputError: as for ``Record.read``, or the run is not finished, or its manifest lacks the plug-in or the data.
    """
    record = Record.read(folder)
    status = record.manifest.get("status")
    if status != "finished":
        raise InputError(
            f"{folder}: this run is {' '.join(str(status or 'without a status').split())}, not finished; "
            f"fer-run --resume {shell_word(folder)}"
        )
    for path in (("plugin", "name"), ("data", "classes"), ("data", "title")):
        need(record, "manifest", *path)
    return record


def read_run(folder: str | Path, *, target: str = "", wanted: str = "") -> FinishedRun:
    """Read a finished run, or the folder of a protocol's folds, and check that its files are consistent.

    Args:
        folder: the folder of the run.
        target: name of the dataset in ``data.targets`` to read the samples of; "": the dataset that was trained on.
        wanted: split to read the samples of, in the dataset that was trained on; "": the split that the run reports on.

    Raises:
        InputError: the folder does not exist, is not the folder of a finished run, a file is missing or damaged, or
            predictions.csv is not what metrics.json was computed from; one line.
        NoScore: the files are valid but there is no single score: the folds cannot be pooled, or the run was not tested
            on ``target``.
    """
    record = read_finished(folder)
    folds = "folds" in record.manifest
    unpooled = folds and record.manifest.get("each_sample_tested_once") is False
    for path in (record.folder / "metrics.json", *(() if unpooled else (predictions_path(record.folder),))):
        if not path.is_file():
            raise InputError(f"{folder}: the run is finished, but {path.name} is missing; repeat the run")
    if unpooled:
        raise NoScore(f"{folder}: its folds test some samples twice, so nothing is pooled; give the folders of folds")
    split = _check_manifest(record)
    datasets = {"": split, **dict.fromkeys(record.metrics.get("targets") or {}, "test")}
    if target not in datasets:
        names = ", ".join(filter(None, datasets))
        tested = f"it was on {names}" if names else "only on the data it was trained on; leave --target out"
        raise NoScore(f"{folder}: was not tested on {target!r}; {tested}")
    _check_scores(record, datasets)
    classes = tuple(map(str, record.manifest["data"]["classes"]))
    recorded = PredictionsFile.read(record, classes)
    for name, split in datasets.items():
        check_scores(recorded, split, name)
    for beside in {"val", "test", "train"} - {split}:
        if beside in record.metrics and len(recorded.of(beside).true):
            check_scores(recorded, beside)
    recorded.check_end()
    if wanted and wanted not in record.metrics:
        option = f"run.{'score_train' if wanted == 'train' else wanted} true"
        remedy = "" if folds else f"; train it again: fer-run --config {shell_word(folder)}/config.yaml --{option}"
        raise InputError(f"{folder}: has no scores of {wanted}{remedy}")
    hashes = need(record, "manifest", "split_hashes") if folds else [need(record, "manifest", "data", "split_hash")]
    faults = need(record, "manifest" if folds else "metrics", "not_a_result")
    if not isinstance(faults, list):
        raise InputError(f"{folder}: not_a_result is not a list of faults; it was not written by a run")
    split = wanted or datasets[target]
    scores = need(record, "metrics", *place_of_scores(split, target))
    return FinishedRun(record, split, classes, recorded.of(split, target), scores, tuple(hashes), tuple(faults), target)


def _check_manifest(record: Record) -> str:
    """Check that manifest and configuration describe the run; return the split that is reported on."""
    split = str(need(record, "manifest", "reported_on"))
    if split not in ("test", "val"):
        raise InputError(f"{record.folder}: manifest.json has reported_on {split!r}, neither test nor val")
    for path in (("seeds", "run"), ("protocol", "name"), ("data", "fingerprint")):
        need(record, "manifest", *path)
    for path in (("model", "name"), ("data", "name"), ("protocol", "name")):
        need(record, "config", *path)
    return split


def _check_scores(record: Record, datasets: Mapping[str, str]) -> None:
    if not record.metrics.get(datasets[""]):
        raise InputError(
            f"{record.folder}: nothing was scored over all of it: metrics.json has no {datasets['']}.n; give the "
            "folder of a single run or fold"
        )
    for name, split in datasets.items():
        for score in ("n", *HEADLINE, "intervals"):
            need(record, "metrics", *place_of_scores(split, name), score)


def read_runs(folders: Sequence[str | Path], *, least: int = 1, target: str = "") -> list[FinishedRun]:
    """Read several runs.

    Raises:
        InputError: there are too few folders, one is given twice, or as for ``read_run``.
    """
    check_folders(folders, least=least)
    return [read_run(folder, target=target) for folder in folders]


def check_folders(folders: Sequence[str | Path], *, least: int = 1) -> None:
    """Check that enough folders are given, and none twice.

    Raises:
        InputError: there are too few, or one is given twice.
    """
    if len(folders) < least:
        message = "no run is given" if not folders else f"{len(folders)} run is given, at least {least} are needed"
        raise InputError(f"{message}; name the folders of finished runs")
    folders_by_path: dict[Path, str | Path] = {}
    for folder in folders:
        real = Path(folder).resolve()
        if real in folders_by_path:
            raise InputError(f"{folder}: the same folder as {folders_by_path[real]}; name every run once")
        folders_by_path[real] = folder


def check_same_test(runs: Sequence[FinishedRun]) -> list[str]:
    """Check that all runs were scored on the same samples with the same labels; return notes on the comparison.

    Runs on the same samples with different splits (for example less training data) can be compared; a note says so.

    Raises:
        InputError: two runs were scored on different splits, classes or samples.
    """
    first = runs[0]
    truth = dict(zip(first.sources, first.true.tolist(), strict=True))
    for run in runs[1:]:
        where = f"{first.record.folder} and {run.record.folder}"
        if run.split != first.split:
            raise InputError(
                f"{where}: one is scored on {first.split}, the other on {run.split}; compare like with like"
            )
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
        notes.append(note_on_splits([run.record for run in runs], first.split))
    if any(run.is_folds for run in runs):
        notes.append("predictions pooled over folds: several networks a side, trained on overlapping parts")
    return notes


def align(run: FinishedRun, first: FinishedRun) -> Labels:
    """Return the predictions of ``run`` (N,), reordered to match the samples of ``first``."""
    place = {source: number for number, source in enumerate(run.sources)}
    return run.predicted[[place[source] for source in first.sources]]
