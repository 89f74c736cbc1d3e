"""Finds the checkpoint that a run's folder or a file name means, and loads it with its preprocessing."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from packaging.version import InvalidVersion, Version

import fer_plugins
from fer_face_prediction.hub_folder import WEIGHTS, is_hub_folder, load_hub_folder, read_section
from fer_plugins.config import registry
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.runs.elsewhere import require_network
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word
from fer_plugins.training.checkpoints import find_damage
from fer_plugins.training.module import FERModule


@dataclass(frozen=True)
class TrainedFile:
    """A checkpoint and the run that it is of."""

    file: Path
    record: Record | None  # None: a file on its own
    warnings: tuple[str, ...]  # what the run says against itself


def find_checkpoint(given: str | Path) -> TrainedFile:
    """Return the checkpoint that is meant: of a run's folder its best.ckpt, of an exported hub folder its weights.

    Raises:
        InputError: no such file, no run, or a run without best.ckpt.
    """
    path = Path(given)
    if is_hub_folder(path):
        notes = read_section(path)["warnings"]
        return TrainedFile(path / WEIGHTS, None, tuple(f"{path}: {note}" for note in notes))
    if os.path.isfile(path):
        folder = path.parent.parent
        run = (folder / "manifest.json").is_file() and (folder / "config.yaml").is_file()
        return _of_run(path, Record.read(folder)) if run else TrainedFile(path, None, ())
    if not os.path.exists(path):
        raise InputError(f"{path}: there is no such run or checkpoint; give the folder of a run or a .ckpt file")
    record = Record.read(path)
    require_network(record)
    if (folds := record.manifest.get("folds")) is not None:
        fold = next((name for name in folds if isinstance(name, str)), None)
        example = f", such as {path / fold}" if fold else ""
        raise InputError(f"{path}: holds the folds of a protocol, each with a network of its own; give one{example}")
    file = record.checkpoints / "best.ckpt"
    if not file.is_file():
        raise InputError(
            f"{path}: checkpoints/best.ckpt is gone; repeat the run: fer-run --config {shell_word(path)}/config.yaml"
        )
    return _of_run(file, record)


def _of_run(file: Path, record: Record) -> TrainedFile:
    status = record.manifest.get("status")
    notes = [f"this run is {status}, not finished"] if status != "finished" else []
    notes += [f"NOT A RESULT: {fault}" for fault in record.metrics.get("not_a_result", ())]
    return TrainedFile(file, record, tuple(f"{record.folder}: {note}" for note in notes))


def load_checkpoint(file: Path) -> tuple[FERModule, Preprocessing]:
    """Load a network in evaluation mode and how images are prepared for it.

    A checkpoint of a version that did not keep the preprocessing has the run's configuration, which says the same.

    Raises:
        InputError: damaged, of another package or a later version, or its plug-in is not installed.
    """
    if file.suffix == ".safetensors":
        return load_hub_folder(file.parent)
    damage = find_damage(file)
    if damage is not None:
        raise InputError(f"{file}: not a readable checkpoint ({damage}); give the folder of a run or a .ckpt file")
    kept = _read_preprocessing(file)
    preprocessing = None if kept is None else Preprocessing.from_dict(kept, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning on a checkpoint of its own later version: loaded or refused
            module = FERModule.load_from_checkpoint(file)
    except InputError as error:
        writer = str((kept or {}).get("written_by", "0"))
        if not _is_later(writer):
            if missing := _missing_plugin(file):
                raise InputError(missing) from error
            raise
        raise InputError(
            f"{file}: fer-plugins {writer} wrote it, this is {fer_plugins.__version__}; update: "
            f"pip install --upgrade fer-plugins ({error})"
        ) from error
    if preprocessing is None:
        preprocessing = Preprocessing.of_config(module.config.data, module.classes)
    elif list(preprocessing.classes) != list(module.classes):
        raise InputError(f"{file}: its preprocessing and its network have other classes; repeat the run")
    return module, preprocessing


def _missing_plugin(file: Path) -> str:
    """Return which distribution the network of a run is of; "" where it is installed, or the file is of no run."""
    try:
        plugin = Record.read(file.parent.parent).manifest["plugin"]
    except (InputError, KeyError):
        return ""
    if plugin["name"] in {component.name for component in registry.available("architecture")}:
        return ""
    named = f"{plugin['distribution']} {plugin['version']}"
    return f"{file}: {plugin['name']} is of {named}, which is not installed; pip install {plugin['distribution']}"


def _read_preprocessing(file: Path) -> dict[str, Any] | None:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        kept = content.get("preprocessing")
    except Exception:  # whatever is wrong, loading the module says it
        return None
    return kept if isinstance(kept, dict) else None


def _is_later(version: str) -> bool:
    try:
        return Version(version) > Version(fer_plugins.__version__)
    except InvalidVersion:
        return False
