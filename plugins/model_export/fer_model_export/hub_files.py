"""Writes a folder in the layout of the Hugging Face hub, which ``fer predict`` loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_face_prediction.checkpoint_file import CONFIG, SECTION, VERSION, WEIGHTS
from safetensors.torch import save_model

from fer_model_export.exported_network import first_line
from fer_plugins import __version__
from fer_plugins.config import RunConfig
from fer_plugins.data.preprocessing import FACE_KEYS, Preprocessing
from fer_plugins.runs.evaluation_file import hash_file
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import RunError
from fer_plugins.training.module import FERModule

CARD = "README.md"
FILES = (CONFIG, WEIGHTS, CARD)
# What the network is built from; paths, names of people and accounts of the other sections are nobody's business.
_KEPT = {"data": ("name", "image_size", "channels", *FACE_KEYS), "trainer": ("precision", "channels_last")}


def write_hub_files(
    folder: Path, module: FERModule, preprocessing: Preprocessing, record: Record, warnings: Sequence[str], card: str
) -> None:
    """Write model.safetensors, config.json and README.md.

    Args:
        folder: where to.
        module: the network, in evaluation mode on the CPU.
        preprocessing: of the run.
        record: of the run.
        warnings: what is said whenever the folder is loaded.
        card: the text of README.md.

    Raises:
        RunError: the weights cannot be written.
    """
    try:
        save_model(module.network, str(folder / WEIGHTS), metadata={"format": "pt"})
    except Exception as error:  # safetensors raises several kinds
        raise RunError(f"cannot write {WEIGHTS}: {first_line(error)}") from error
    classes = list(preprocessing.classes)
    description = {
        "model_type": SECTION,
        "architectures": [str(module.config.model.name)],
        "num_labels": len(classes),
        "id2label": {str(number): name for number, name in enumerate(classes)},
        "label2id": {name: number for number, name in enumerate(classes)},
        "image_size": preprocessing.image_size,
        "num_channels": preprocessing.channels,
        "torch_dtype": "float64" if module.config.trainer.precision == "64-true" else "float32",
        SECTION: {
            "version": VERSION,
            "written_by": __version__,
            "plugin": record.manifest["plugin"],
            "run": record.folder.resolve().name,
            "config": needed_config(module.config),
            "preprocessing": preprocessing.as_dict(),
            "weights_sha256": hash_file(folder / WEIGHTS),
            "warnings": list(warnings),
        },
    }
    (folder / CONFIG).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    (folder / CARD).write_text(card, encoding="utf-8")


def needed_config(config: RunConfig) -> dict[str, Any]:
    """Return what of a configuration the network is built from: no paths of data, no teacher, no accounts."""
    values = config.as_dict()
    sections = {name: {key: values[name][key] for key in keys} for name, keys in _KEPT.items()}
    return {
        "plugin": values["plugin"],
        "recipe": values["recipe"],
        "model": {**values["model"], "teacher": None},
        **sections,
    }
