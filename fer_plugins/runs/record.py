"""The record of a run: config.yaml, manifest.json, metrics.json, predictions.csv and checkpoints, all plain data.

Every file is written under a temporary name and then moved into place. If the process is killed or the disk is full,
the old file or no file remains, never an incomplete one.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from fer_plugins.config import RunConfig, registry
from fer_plugins.runs.packed_predictions import read_predictions
from fer_plugins.runs.record_types import check_types
from fer_plugins.runs.schema import Manifest
from fer_plugins.runtime.choices import check_choice
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.notices import as_values, from_values
from fer_plugins.runtime.whole_file import whole_file

if TYPE_CHECKING:
    from fer_plugins.metrics.predictions import Predictions

COLUMNS = ("dataset", "copy", "majority", "subject", "sequence")  # of predictions.csv, after the probabilities


@dataclass
class Record:
    """The folder of a run, either read or being written.

    ``config`` is the complete configuration. ``manifest`` describes the run (status, versions, data fingerprint, split
    hash, seeds, times, warnings). ``metrics`` holds the scores of each split.
    """

    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=lambda: Manifest())
    metrics: dict[str, Any] = field(default_factory=dict)  # has the type ``schema.Metrics``
    # What this process wrote to predictions.csv: split -> predictions, and each sample's dataset if there are several.
    written: dict[str, tuple[Predictions, Sequence[str] | None]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def read(cls, folder: str | Path) -> Record:
        """Read the folder of a run, finished or not, and check its types; every reader of runs starts here.

        Raises:
            InputError: it is not the folder of a run, or a file in it is damaged or has content that no run writes.
        """
        folder = Path(folder)
        record = cls(folder)
        # os.path and not Path: a name that is too long is reported as a missing file instead of an OSError
        if not os.path.exists(folder):
            raise InputError(
                f"{folder}: not the folder of a run: there is no such folder; give the folder of a finished run"
            )
        if not os.path.isfile(folder / "manifest.json") or not os.path.isfile(folder / "config.yaml"):
            raise InputError(f"{folder}: not the folder of a run (no config.yaml and manifest.json in it)")
        try:
            record.config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
            record.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            if (folder / "metrics.json").exists():
                record.metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            raise InputError(f"{folder}: damaged: {one_line(error)}") from None
        if isinstance(record.manifest, dict) and isinstance(record.manifest.get("warnings"), list):
            notices = record.manifest.get("notices")
            record.manifest["warnings"] = from_values(record.manifest["warnings"], notices)
        model = record.config.get("model") if isinstance(record.config, dict) else None
        if isinstance(model, dict) and isinstance(model.get("pool"), dict):
            model["pool"]["name"] = registry.current_name("pooling", model["pool"])
        check_types(record)
        return record

    def read_folds(self) -> list[Record]:
        """Read the folders of the finished folds; for a single run return the record itself.

        Raises:
            InputError: see ``read``.
        """
        names = self.manifest.get("folds")
        return [self] if names is None else [Record.read(self.folder / name) for name in names if name]

    @property
    def checkpoints(self) -> Path:
        """The folder of ``best.ckpt`` and ``last.ckpt``."""
        return self.folder / "checkpoints"

    def predictions(self) -> list[dict[str, str]]:
        """Return the rows of predictions.csv: split, source, true, predicted, and p_CLASS for each class.

        A run that was also tested on other datasets has a column ``dataset``: "" for the dataset that it was trained
        on, otherwise the name in ``data.targets``. If the column is missing, ``runs.predictions_file`` tells the rows
        apart. If images have a copy in training, a column ``copy`` holds "exact", "near" or "". If there are votes in
        addition to the labels, a column ``majority`` holds the class with most votes, or "". If the dataset provides
        them, ``subject`` is the person in the image and ``sequence`` the sequence that the image is a frame of.
        """
        return list(csv.DictReader(io.StringIO(read_predictions(self.folder).decode(), newline="")))

    def write_config(self, text: str) -> None:
        """Write config.yaml; ``fer-run --config`` repeats the run from it."""
        write_atomically(self.folder / "config.yaml", text)

    def write_manifest(self, **changes: Any) -> None:
        """Update the manifest and write it."""
        self.manifest.update(cast(Manifest, changes))
        if notices := as_values(self.manifest.get("warnings", ())):
            self.manifest["notices"] = notices
        write_atomically(self.folder / "manifest.json", json.dumps(self.manifest, indent=2) + "\n")

    def write_metrics(self) -> None:
        """Write metrics.json."""
        write_atomically(self.folder / "metrics.json", json.dumps(self.metrics, indent=2) + "\n")

    def write_predictions(
        self,
        rows: Mapping[str, Any],
        classes: list[str],
        columns: Mapping[str, Mapping[str, Sequence[str]] | None] | None = None,
    ) -> None:
        """Write predictions.csv, one row for each sample: source, true and predicted class, and probabilities.

        Args:
            rows: split -> (source names (N,), Predictions).
            classes: class names in label order.
            columns: further columns: name, one of COLUMNS (see ``predictions``) -> split -> (N,) values. Splits without
                values are filled with "". A column that is None or empty is left out.

        Raises:
            ValueError: a column has another name.
        """
        for name in columns or {}:
            check_choice(f"a column of {self.folder / 'predictions.csv'}", name, COLUMNS)
        further = {name: column for name in COLUMNS if (column := (columns or {}).get(name))}
        datasets = further.get("dataset", {})
        self.written = {split: (predictions, datasets.get(split)) for split, (_, predictions) in rows.items()}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["split", "source", "true", "predicted", *(f"p_{name}" for name in classes), *further])
        for split, (sources, predictions) in rows.items():
            for place, source in enumerate(sources):
                writer.writerow(
                    [
                        split,
                        source,
                        classes[predictions.label[place]],
                        classes[predictions.predicted[place]],
                        *(f"{value:.6g}" for value in predictions.probabilities[place]),
                        *(column[split][place] if split in column else "" for column in further.values()),
                    ]
                )
        write_atomically(self.folder / "predictions.csv", text.getvalue())


def write_atomically(path: Path, text: str) -> None:
    """Write a text file atomically: it exists completely or not at all.

    Raises:
        RunError: it cannot be written (full disk, no permission).
    """
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def check_output(output: str | Path, key: str = "run.output", remedy: str = "--run.output FOLDER") -> None:
    """Check that the output folder can be written before any work is done; does not create anything.

    Raises:
        InputError: it is a file, its name is too long, or it (or its nearest existing parent) is not writable.
    """
    path = Path(output).absolute()
    try:
        above = next(folder for folder in (path, *path.parents) if _is_there(folder))
    except OSError as error:  # a name that is too long
        raise InputError(f"{key}: {path}: {error.strerror}; give {remedy}") from None
    if not above.is_dir():
        raise InputError(f"{key}: {above} is a file, not a folder; give {remedy}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"{key}: {above} is not writable; give {remedy}")


def _is_there(path: Path) -> bool:
    """Return whether a path exists; ``Path.exists`` ignores the error of a too long name from Python 3.14 on."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def create_folder(config: RunConfig) -> Path:
    """Create the run's folder ``<plugin>-<dataset>-<protocol>-s<seed>-<time>`` and return it.

    Raises:
        InputError: the folder cannot be created.
    """
    parts = [config.plugin or str(config.model.name), config.data.name, config.protocol.name]
    if config.recipe:
        parts[0] = f"{parts[0]}.{config.recipe}"
    name = f"{'-'.join(parts)}-s{config.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    name = re.sub(r"[^\w.+-]+", "_", name)
    for attempt in range(100):  # two runs may start in one second
        folder = Path(config.run.output, f"{name}-{attempt}" if attempt else name)
        try:
            folder.mkdir(parents=True)
            (folder / "checkpoints").mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"run.output: cannot make {folder}: {error.strerror}") from None
        return folder
    raise InputError(f"run.output: a hundred runs named {name} already exist")


def recipe_of(name: str) -> tuple[registry.Component, dict[str, Any]]:
    """Return the component of an architecture and its entry in paper.yaml, {} if the package has no paper.yaml."""
    component = registry.find("architecture", name)
    try:
        described = registry.paper(component)
    except registry.PluginError:
        return component, {}
    return component, {"paper": described["paper"], **described["architectures"][component.name]}
