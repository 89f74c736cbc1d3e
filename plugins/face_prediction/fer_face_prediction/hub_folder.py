"""Loads a folder in the layout of the Hugging Face hub, which ``fer export --format hub`` writes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_plugins.config.requirement import install_command
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.module import FERModule

CONFIG, WEIGHTS = "config.json", "model.safetensors"
SECTION = "fer_plugins"  # of config.json: what this package needs; the rest is for readers of the hub
VERSION = 1  # of that section


def is_hub_folder(folder: Path) -> bool:
    """Tell whether a folder has the two files that such a folder must have."""
    return os.path.isfile(folder / CONFIG) and os.path.isfile(folder / WEIGHTS)  # false for an over-long name


def read_section(folder: Path) -> Mapping[str, Any]:
    """Return what config.json holds for this package.

    Raises:
        InputError: it is of another package or a later version, or damaged.
    """
    path = folder / CONFIG
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}; export the run again") from None
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
    """Load a network in evaluation mode and how images are prepared for it.

    Raises:
        InputError: as ``read_section``; the weights are other ones than config.json names, or the plug-in or
            safetensors is not installed.
    """
    try:
        from safetensors.torch import load_model
    except ImportError as error:
        raise InputError(f"{folder}: safetensors is needed ({error}); {install_command('safetensors')}") from None
    section, file = read_section(folder), folder / WEIGHTS
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
    except Exception as error:  # safetensors and torch raise several kinds
        text = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: does not fit the installed {module.config.model.name}: {text}") from error
    return module.eval(), preprocessing
