"""Finds the runs in a folder and their status; folds, series of seeds and grids continue from them.

There is no other index: a run's config.yaml identifies it, and its manifest.json says how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from fer_plugins import config
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError

FINISHED, RESUMABLE, FAILED, NEW = "finished", "interrupted", "failed", "not run"
_RANK = {FAILED: 0, RESUMABLE: 1, FINISHED: 2}

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class ExistingRun:
    """An existing run and its status."""

    record: Record
    status: str  # FINISHED, RESUMABLE or FAILED


@dataclass(frozen=True)
class ExistingRuns(Generic[Key]):
    """The runs in a folder."""

    runs: Mapping[Key, ExistingRun]
    strays: tuple[str, ...]  # names of the folders of other runs and of damaged ones


def find_runs(
    folder: Path, identify: Callable[[Record], Key | None], read: Callable[[Path], Record] | None = None
) -> ExistingRuns[Key]:
    """Find the runs in a folder; of several runs with the same key the most complete counts, then the newest.

    Args:
        folder: contains the folders of the runs.
        identify: returns the key of a run, or None if the run is not wanted.
        read: reads a run's folder; None: :func:`read_run_folder`.
    """
    best: dict[Key, ExistingRun] = {}
    strays: list[str] = []
    for path in _folders(folder):
        try:
            record = (read or read_run_folder)(path)
            key, run = identify(record), ExistingRun(record, _status(record))
        except (InputError, OSError, KeyError, TypeError, AttributeError):  # damaged, or of another version
            key = None
        if key is None:
            strays.append(path.name)
        elif key not in best or _RANK[run.status] >= _RANK[best[key].status]:
            best[key] = run
    return ExistingRuns(best, tuple(strays))


def read_run_folder(path: Path) -> Record:
    """Read a run's folder; a run that was killed at its very start has only a configuration.

    Raises:
        InputError: the folder is damaged.
    """
    if (path / "manifest.json").exists():
        return Record.read(path)
    return Record(path, config=config.read_file(path / "config.yaml"))


def training_seconds(record: Record) -> float:
    """Return the seconds that a run (with folds: all of them) has taken over all its sessions."""
    records = [record]
    if "folds" in record.manifest:
        records = [Record.read(record.folder / name) for name in record.manifest["folds"] if name]
    sessions = (session for run in records for session in run.manifest.get("sessions", ()))
    return float(sum(session.get("seconds", 0) for session in sessions))


def _status(record: Record) -> str:
    # A killed process leaves the status "running" or none. For a protocol with folds only missing folds are run; any
    # other failed run is repeated.
    status = record.manifest.get("status")
    if status == "failed" and "folds" not in record.manifest:
        return FAILED
    return FINISHED if status == "finished" else RESUMABLE


def _folders(folder: Path) -> list[Path]:
    """Return the folders of runs, the oldest first."""
    if not folder.is_dir():
        return []
    runs = [path for path in folder.iterdir() if (path / "config.yaml").exists() or (path / "manifest.json").exists()]
    return sorted(runs, key=lambda path: (_time_written(path / "config.yaml"), path.name))


def _time_written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # never existed, or removed by another process
        return 0.0
