"""The state of a grid, read from the runs in its folder: finished, resumable, failed, or not started."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_parameter_search.grid.plan import GridCell, Plan
from fer_parameter_search.workers import cell_file
from fer_plugins.experiments.existing_runs import (
    FAILED,
    FINISHED,
    NEW,
    ExistingRun,
    ExistingRuns,
    find_runs,
    training_seconds,
)
from fer_plugins.experiments.folder_lock import hold_folder
from fer_plugins.experiments.identity import identify
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.record import Record, write_atomically
from fer_plugins.runtime.errors import InputError

HIDDEN = ".grid"  # the grid's own files, next to the runs; hidden, so that OUTPUT/* are runs

Key = tuple[str, int | None]  # identity and fold of a cell
_Stamps = tuple[int, ...]  # modification times of a run's files


@dataclass(frozen=True)
class Survey(ExistingRuns[Key]):
    """The cells of a grid and their existing runs."""

    def find(self, cell: GridCell) -> ExistingRun | None:
        """Return the run of a cell, or None."""
        return self.runs.get((cell.identity, cell.fold))

    def status(self, cell: GridCell) -> str:
        """Return FINISHED, RESUMABLE, FAILED or NEW."""
        run = self.find(cell)
        return NEW if run is None else run.status


def survey_runs(plan: Plan) -> Survey:
    """Read the grid's folder for the runs of its cells; no other process works in it (``hold``)."""

    def key_of(record: Record) -> Key | None:
        identity, fold = _identify(record.folder, _stamps(record.folder)), record.config["run"]["fold"]
        cell = next((cell for cell in plan.cells if _fits(cell, identity, fold, plan)), None)
        return None if cell is None else (cell.identity, cell.fold)

    runs = find_runs(plan.output, key_of, lambda path: _read(path.absolute(), _stamps(path)))
    return Survey(runs.runs, runs.strays)


def _stamps(folder: Path) -> _Stamps:
    return tuple((folder / name).stat().st_mtime_ns for name in ("manifest.json", "config.yaml"))


@functools.cache
def _read(folder: Path, stamps: _Stamps) -> Record:
    """Read a run's folder, cached by the state of its files: a grid reads all of them after each run."""
    del stamps
    record = Record.read(folder)
    if record.manifest["status"] == "finished":
        score(record)  # KeyError: not written by this version
    return record


@functools.cache
def _identify(folder: Path, stamps: _Stamps) -> str:
    record = _read(folder, stamps)
    return identify(record.config, record.manifest.get("plugin"))


def _fits(cell: GridCell, identity: str, fold: int | None, plan: Plan) -> bool:
    """Return whether a run is that of a cell.

    A run of a protocol with one fold records fold 0, whether a fold was requested or not. Whether the protocol has
    other folds is not recorded; but if this grid has requested fold 0 explicitly, the run belongs to that cell.
    """
    if cell.identity != identity:
        return False
    if cell.fold == fold:
        return True
    by_name = cell.name.replace(f"-{cell.identity}", f"-fold0-{cell.identity}")
    return cell.fold is None and fold == 0 and not cell_file(plan.output / HIDDEN, by_name).exists()


@contextmanager
def hold(output: Path) -> Iterator[int | None]:
    """Create the grid's folder and lock it against other ``fer grid``; yields the lock's file descriptor, or None.

    A process that inherits the descriptor also holds the lock: runs that outlive a killed grid are not disturbed.

    Raises:
        InputError: the folder cannot be created, or another grid is running in it.
    """
    try:
        for folder in ("cells", "logs"):
            (output / HIDDEN / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {output}: cannot be made: {error.strerror}") from None
    busy = f"--out {output}: another fer grid, or a run that it started, is at work in it; wait, or give another --out"
    with hold_folder(output, busy) as lock:
        yield lock


def score(record: Record) -> dict[str, Any]:
    """Return the scores of a finished run: split, accuracy and f1 with intervals over test samples, and remarks.

    Folds that test samples more than once have no pooled score; accuracy is then None, and the mean over the folds is a
    remark.

    Raises:
        KeyError: the record is not that of a finished run.
    """
    manifest, metrics = record.manifest, record.metrics
    split = manifest["reported_on"]
    folds = "folds" in manifest
    faults = manifest["not_a_result"] if folds else metrics["not_a_result"]
    remarks = [f"flawed protocol: {manifest['protocol']['flaw']}"] if manifest["protocol"].get("flaw") else []
    if folds and split not in metrics:
        between = metrics["between_folds"]["accuracy"]
        remarks.append(f"samples tested in several folds, not pooled; mean of {between['folds']} {between['mean']:.4f}")
    scores: dict[str, Any] = {"part": split}
    for name in HEADLINE:
        scores[name] = metrics[split][name] if split in metrics else None
        scores[f"{name}_interval"] = metrics[split]["intervals"].get(name) if split in metrics else None
    return scores | {"not_a_result": list(faults), "remarks": remarks}


def write_summary(plan: Plan, errors: Mapping[str, str]) -> list[dict[str, Any]]:
    """Write grid.json to the grid's folder and return its rows, one per cell.

    Raises:
        RunError: the file cannot be written.
    """
    survey = survey_runs(plan)
    rows = [_row(cell, survey, errors) for cell in plan.cells]
    content = {
        "grid": str(plan.path),
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "axes": list(plan.axes),
        "excluded": plan.excluded,
        "cells": rows,
        "strays": list(survey.strays),
    }
    write_atomically(plan.output / "grid.json", json.dumps(content, indent=2, default=str) + "\n")
    return rows


def _row(cell: GridCell, survey: Survey, errors: Mapping[str, str]) -> dict[str, Any]:
    run, status = survey.find(cell), survey.status(cell)
    row: dict[str, Any] = {"cell": cell.label, "name": cell.name, "values": cell.values, "status": status}
    if status != FINISHED and cell.name in errors:
        row["status"] = FAILED
    row["run"] = run.record.folder.name if run else None
    row["seconds"] = round(training_seconds(run.record), 1) if run else None
    row["error"] = None
    if row["status"] == FAILED:
        row["error"] = errors.get(cell.name) or (run.record.manifest.get("error") if run else None)
    return row | (score(run.record) if run and status == FINISHED else {})
