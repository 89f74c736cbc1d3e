"""The folder of a run that was begun: read, and held to what a run writes before it goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.runs.record import Record
from fer_plugins.runs.record_types import check_types
from fer_plugins.runtime.errors import InputError


def read_begun(folder: str | Path) -> Record:
    """Read the folder of a run that may have been killed before its manifest was written.

    Raises:
        InputError: it is no run's folder, or a file in it is damaged.
    """
    path = Path(folder)
    if os.path.isfile(path / "config.yaml") and not os.path.exists(path / "manifest.json"):
        record = Record(path, config=config.read_file(path / "config.yaml", "--resume"))
        check_types(record)
    else:
        record = Record.read(path)
    _check_config(record)
    if record.manifest:
        _check_manifest(record)
    elif os.path.lexists(record.checkpoints / "last.ckpt"):  # written after the manifest, which names the data
        raise InputError(
            f"{folder}: manifest.json is gone, and with it what data the run began with; delete "
            f"{record.checkpoints / 'last.ckpt'} to begin this run anew"
        )
    for name, kind, exists in (("metrics.csv", "file", os.path.isfile), ("checkpoints", "folder", os.path.isdir)):
        if os.path.lexists(path / name) and not exists(path / name):
            raise InputError(f"{path / name}: is no {kind}, as a run writes it; move it away, and resume again")
    return record


def _check_config(record: Record) -> None:
    """Refuse a config.yaml that is cut off: what is missing would be taken from the defaults, in silence."""
    missing = [name for name in config.schema() if name not in record.config]
    run = record.config.get("run")
    missing += [f"run.{name}" for name in config.section_keys("run") if isinstance(run, Mapping) and name not in run]
    if missing:
        raise InputError(
            f"{record.folder}: config.yaml is not whole, it lacks {missing[0]}; the run cannot go on, begin another: "
            "fer-run --plugin NAME ..."
        )


def _check_manifest(record: Record) -> None:
    for key, is_as_written in (_OF_FOLDS if "folds" in record.manifest else _OF_A_RUN).items():
        if not is_as_written(record.manifest.get(key)):
            raise InputError(
                f"{record.folder}: manifest.json has no {key} as a run writes it; repeat the run: "
                f"fer-run --config {record.folder}/config.yaml"
            )


def _is_series(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return False
    number, count = value.get("number"), value.get("count")
    return type(number) is int and type(count) is int and 0 <= number < count


def _is_threads(value: Any) -> bool:  # version 0.1.0 wrote none
    return value is None or (isinstance(value, dict) and type(value.get("number")) is int and value["number"] > 0)


def _are(kind: type | tuple[type, ...]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(one, kind) for one in value)


_OF_A_RUN: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: isinstance(value, str),
    "sessions": _are(dict),
    "warnings": _are(str),
    "data": lambda value: isinstance(value, dict),
    "assumed": lambda value: isinstance(value, dict),
    "threads": _is_threads,
    "series": _is_series,
}
_OF_FOLDS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: isinstance(value, str),
    "folds": lambda value: bool(value) and _are((str, type(None)))(value),
    "series": _is_series,
}
