"""The runs that lie in a folder and how far each is: what folds, series of seeds and grids go on from.

There is no other book: a run's config.yaml says which it is, its manifest.json how it ended.
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
    """A run's folder."""

    record: Record
    status: str  # FINISHED, RESUMABLE or FAILED


@dataclass(frozen=True)
class ExistingRuns(Generic[Key]):
    """The runs in a folder."""

    runs: Mapping[Key, ExistingRun]
    strays: tuple[str, ...]  # folders of runs that are none of those wanted, and of damaged ones


def find_runs(
    folder: Path, identify: Callable[[Record], Key | None], read: Callable[[Path], Record] | None = None
) -> ExistingRuns[Key]:
    """Look through a folder; of several runs with one key the furthest counts, and of these the newest.

    Args:
        folder: holds the folders of runs.
        identify: the key of a run; None: it is none of those wanted.
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
    """Read a run's folder; a run that was killed at its very beginning has a configuration alone.

    Raises:
        InputError: it is damaged.
    """
    if (path / "manifest.json").exists():
        return Record.read(path)
    return Record(path, config=config.read_file(path / "config.yaml"))


def training_seconds(record: Record) -> float:
    """Return the time that a run (of several folds: all of them) has taken, over all its sessions."""
    records = [record]
    if "folds" in record.manifest:
        records = [Record.read(record.folder / name) for name in record.manifest["folds"] if name]
    sessions = (session for run in records for session in run.manifest.get("sessions", ()))
    return float(sum(session.get("seconds", 0) for session in sessions))


def _status(record: Record) -> str:
    # A process that was killed leaves the status "running" behind, or none. Of a protocol's folds those are run that
    # are missing; any other failed run is begun anew.
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
    except OSError:  # never there, or removed by another process that works in the folder
        return 0.0
