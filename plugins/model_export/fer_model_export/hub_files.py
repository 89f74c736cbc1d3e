"""Write the folder of an export, with all its files or none, and the files of a Hugging Face folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_face_prediction.checkpoint_file import CONFIG, SECTION, VERSION, WEIGHTS
from safetensors.torch import save_model

from fer_plugins import __version__
from fer_plugins.config import RunConfig
from fer_plugins.data.preprocessing import FACE_KEYS, Preprocessing
from fer_plugins.runs.evaluation_file import hash_file
from fer_plugins.runs.record import Record, check_output
from fer_plugins.runs.remarks import list_warnings
from fer_plugins.runtime.errors import InputError, RunError, first_line
from fer_plugins.training.module import FERModule

CARD = "README.md"
FILES = (CONFIG, WEIGHTS, CARD)
# Keys from which the network is built; the other sections have private data: paths, names of people, accounts.
_KEPT = {"data": ("name", "image_size", "channels", *FACE_KEYS), "trainer": ("precision", "channels_last")}


def write_hub_files(folder: Path, module: FERModule, preprocessing: Preprocessing, record: Record, card: str) -> None:
    """Write model.safetensors, config.json and README.md, which ``fer predict`` loads.

    Args:
        folder: existing output folder.
        module: network in evaluation mode on the CPU.
        preprocessing: preprocessing of the run.
        record: record of the run; its warnings are printed whenever the folder is loaded.
        card: text of README.md.

    Raises:
        RunError: the weights cannot be written.
    """
    try:
        save_model(module.network, str(folder / WEIGHTS), metadata={"format": "pt"})
    except Exception as error:  # safetensors raises various types
        raise RunError(f"cannot write {WEIGHTS}: {first_line(error, 200)}") from error
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
            "warnings": list_warnings(record),
        },
    }
    (folder / CONFIG).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    (folder / CARD).write_text(card, encoding="utf-8")


def needed_config(config: RunConfig) -> dict[str, Any]:
    """Return the part of a configuration from which the network is built: no data paths, no teacher, no accounts."""
    values = config.as_dict()
    sections = {name: {key: values[name][key] for key in keys} for name, keys in _KEPT.items()}
    return {
        "plugin": values["plugin"],
        "recipe": values["recipe"],
        "model": {**values["model"], "teacher": None},
        **sections,
    }


def check_folder(folder: Path, files: Collection[str]) -> None:
    """Check that a folder is writable and holds nothing but an earlier export; creates nothing.

    Raises:
        InputError: the folder is not writable, or holds other files.
    """
    check_output(folder, "--out", "--out FOLDER")
    if foreign := sorted(set(os.listdir(folder)) - set(files)) if folder.is_dir() else []:
        raise InputError(f"--out {folder}: holds other files ({foreign[0]}); give a new or an empty folder")
    above = folder.absolute().parent
    while not above.exists():
        above = above.parent
    if not os.access(above, os.W_OK | os.X_OK):  # the files are created next to the folder
        raise InputError(f"--out {folder}: {above} is not writable; give --out FOLDER elsewhere")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder next to ``folder``, which replaces it at the end, or is removed after an error.

    Raises:
        RunError: the folder cannot be written (full disk, no permission).
    """
    unfinished: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        unfinished.chmod(0o777 & ~_umask())
        yield unfinished
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(unfinished, folder)
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
