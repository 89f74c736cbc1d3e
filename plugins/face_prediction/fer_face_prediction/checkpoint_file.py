"""Find and load trained networks with their preprocessing: runs, checkpoints, folders for the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from packaging.version import InvalidVersion, Version

import fer_plugins
from fer_plugins.config import registry
from fer_plugins.config.requirement import install_command
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.runs.elsewhere import require_network
from fer_plugins.runs.record import Record
from fer_plugins.runs.remarks import list_warnings
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.plain_values import shell_word
from fer_plugins.training.checkpoints import find_damage
from fer_plugins.training.module import FERModule

CONFIG, WEIGHTS = "config.json", "model.safetensors"
SECTION = "fer_plugins"  # section of config.json for this package; the rest is for readers of the hub
VERSION = 1  # version of that section


@dataclass(frozen=True)
class TrainedFile:
    """A checkpoint and its run."""

    file: Path
    record: Record | None  # None: a file outside a run
    warnings: tuple[str, ...]  # about the run: not finished, not a result, a part of the data


def find_checkpoint(source: str | Path) -> TrainedFile:
    """Return a checkpoint file itself, the best.ckpt of a run's folder, or the weights of an exported hub folder.

    Raises:
        InputError: the file does not exist, is not a run, or is a run without best.ckpt.
    """
    path = Path(source)
    if is_hub_folder(path):
        warnings = read_hub_section(path)["warnings"]
        return TrainedFile(path / WEIGHTS, None, tuple(f"{path}: {warning}" for warning in warnings))
    if os.path.isfile(path):
        folder = path.parent.parent
        is_run = (folder / "manifest.json").is_file() and (folder / "config.yaml").is_file()
        return _of_run(path, Record.read(folder)) if is_run else TrainedFile(path, None, ())
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
            f"{path}: checkpoints/best.ckpt is missing; repeat the run: fer-run --config {shell_word(path)}/config.yaml"
        )
    return _of_run(file, record)


def _of_run(file: Path, record: Record) -> TrainedFile:
    status = record.manifest.get("status")
    notes = [f"this run is {status}, not finished"] if status != "finished" else []
    notes += list_warnings(record)
    return TrainedFile(file, record, tuple(f"{record.folder}: {note}" for note in notes))


def load_checkpoint(file: Path) -> tuple[FERModule, Preprocessing]:
    """Load a network in evaluation mode, with its preprocessing.

    Checkpoints of versions that did not store the preprocessing contain the run's configuration, from which it follows.

    Raises:
        InputError: the file is damaged, of another package or a later version, or its plug-in is not installed.
    """
    if file.suffix == ".safetensors":
        return load_hub_folder(file.parent)
    damage = find_damage(file)
    if damage is not None:
        raise InputError(f"{file}: not a readable checkpoint ({damage}); give the folder of a run or a .ckpt file")
    recorded = _read_preprocessing(file)
    preprocessing = None if recorded is None else Preprocessing.from_dict(recorded, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Lightning about a checkpoint of a later version: loaded or rejected
            module = FERModule.load_from_checkpoint(file)
    except InputError as error:
        writer = str((recorded or {}).get("written_by", "0"))
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
    """Return the distribution of a run's network; "" if it is installed, or the file does not belong to a run."""
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
        preprocessing = content.get("preprocessing")
    except Exception:  # raised again when the module is loaded
        return None
    return preprocessing if isinstance(preprocessing, dict) else None


def _is_later(version: str) -> bool:
    try:
        return Version(version) > Version(fer_plugins.__version__)
    except InvalidVersion:
        return False


def is_hub_folder(folder: Path) -> bool:
    """Return whether a folder has the two files written by ``fer export --format hub``."""
    return os.path.isfile(folder / CONFIG) and os.path.isfile(folder / WEIGHTS)  # false for an over-long name


def read_hub_section(folder: Path) -> Mapping[str, Any]:
    """Return this package's section of config.json; raises InputError if missing, damaged or of a later version."""
    path = folder / CONFIG
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {one_line(error)}; export the run again") from None
    section = content.get(SECTION) if isinstance(content, dict) else None
    if not isinstance(section, dict):
        raise InputError(f"{path}: the model is not of this package; give a folder that fer export --format hub wrote")
    version = section.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"{path}: a later version of fer-plugins wrote it ({section.get('written_by')}); update: "
            "pip install --upgrade fer-plugins"
        )
    kinds = {"version": int, "config": dict, "preprocessing": dict, "weights_sha256": str, "warnings": list}
    for key, kind in kinds.items():
        if not isinstance(section.get(key), kind):
            raise InputError(f"{path}: damaged, {SECTION}.{key} is missing or wrong; export the run again")
    return section


def load_hub_folder(folder: Path) -> tuple[FERModule, Preprocessing]:
    """Load a network in evaluation mode, with its preprocessing.

    Raises:
        InputError: as ``read_hub_section``; the weights are not those named in config.json, or the plug-in or
            safetensors is not installed.
    """
    try:
        from safetensors.torch import load_model
    except ImportError as error:
        raise InputError(f"{folder}: safetensors is needed ({error}); {install_command('safetensors')}") from None
    section, file = read_hub_section(folder), folder / WEIGHTS
    preprocessing = Preprocessing.from_dict(section["preprocessing"], folder / CONFIG)
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}; export the run again") from None
    if digest != section["weights_sha256"]:
        raise InputError(f"{file}: damaged, or not the weights that {CONFIG} describes; export the run again")
    module = FERModule(section["config"], list(preprocessing.classes))
    try:
        load_model(module.network, file)
    except Exception as error:  # safetensors and torch raise various types
        text = one_line(error, 200)
        raise InputError(f"{file}: does not fit the installed {module.config.model.name}: {text}") from error
    return module.eval(), preprocessing
