"""Reads the folder of an unfinished run and checks it before the run is continued."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.runs.elsewhere import require_network
from fer_plugins.runs.record import Record
from fer_plugins.runs.record_types import check_types
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word


def read_begun(folder: str | Path) -> Record:
    """Read the folder of a run that may have been killed before its manifest was written.

    Raises:
        InputError: it is not the folder of a run, a file in it is damaged or not as a run writes it, or the network was
            trained elsewhere.
    """
    path = Path(folder)
    if os.path.isfile(path / "config.yaml") and not os.path.exists(path / "manifest.json"):
        record = Record(path, config=config.read_file(path / "config.yaml", "--resume"))
        check_types(record)
    else:
        record = Record.read(path)
    require_network(record)
    _check_config(record)
    if record.manifest:
        _check_manifest(record)
    elif os.path.lexists(record.checkpoints / "last.ckpt"):  # written after the manifest, which identifies the data
        raise InputError(
            f"{folder}: manifest.json is missing, and with it what data the run began with; delete "
            f"{record.checkpoints / 'last.ckpt'} to start this run over"
        )
    for name, kind, exists in (("metrics.csv", "file", os.path.isfile), ("checkpoints", "folder", os.path.isdir)):
        if os.path.lexists(path / name) and not exists(path / name):
            raise InputError(
                f"{path / name}: is not a {kind}, which a run writes there; move it away, and resume again"
            )
    return record


def _check_config(record: Record) -> None:
    """Reject an incomplete config.yaml; its missing keys would silently be replaced by the defaults."""
    missing = [name for name in config.schema() if name not in record.config]
    run = record.config.get("run")
    # score_train is newer than the first release. It is not the last key, so a file that only lacks it is complete.
    keys = [name for name in config.section_keys("run") if name != "score_train"]
    missing += [f"run.{name}" for name in keys if isinstance(run, Mapping) and name not in run]
    if missing:
        raise InputError(
            f"{record.folder}: config.yaml is not whole, it lacks {missing[0]}; the run cannot be continued; start "
            "another: fer-run --plugin NAME ..."
        )


def _check_manifest(record: Record) -> None:
    """Reject a manifest without the keys needed to continue a run; the types of its values were checked before."""
    manifest = record.manifest
    needed = ("status", "folds") if "folds" in manifest else ("status", "sessions", "warnings", "data", "assumed")
    missing = [key for key in needed if manifest.get(key) is None or (key == "folds" and not manifest["folds"])]
    if (threads := manifest.get("threads")) is not None and not _is_count(threads.get("number"), least=1):
        missing.append("threads")  # version 0.1.0 did not write threads
    if (series := manifest.get("series")) is not None:
        numbered = isinstance(series.get("id"), str) and _is_count(series.get("number"))
        if not numbered or not _is_count(series.get("count"), least=series["number"] + 1):
            missing.append("series")
    if missing:
        raise InputError(
            f"{record.folder}: manifest.json has no {missing[0]} as a run writes it; repeat the run: "
            f"fer-run --config {shell_word(record.folder)}/config.yaml"
        )


def _is_count(value: Any, least: int = 0) -> bool:
    return type(value) is int and value >= least
