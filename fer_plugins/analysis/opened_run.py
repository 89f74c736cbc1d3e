"""Opens a finished run for evaluation: its checkpoint, its data (checked to be the same), and one of its splits."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fer_plugins import config
from fer_plugins.analysis.network import Network, Split
from fer_plugins.config import registry
from fer_plugins.config.data_schema import AugmentationConfig
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runs.elsewhere import require_network
from fer_plugins.runs.evaluation_file import hash_file
from fer_plugins.runs.manifest import header
from fer_plugins.runs.read_runs import FinishedRun, read_run
from fer_plugins.runs.record import Record
from fer_plugins.runs.same_data import check_same_data
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word
from fer_plugins.training.build import build_data
from fer_plugins.training.checkpoints import find_damage
from fer_plugins.training.devices import device_of_one
from fer_plugins.training.module import FERModule

SMALL_BATCH = 16  # on a CPU: feature maps of larger batches exceed its cache, and each layer allocates new memory


@dataclass(frozen=True)
class OpenedRun:
    """A finished run with its network and data loaded."""

    run: FinishedRun
    data: FERDataModule
    network: Network
    checkpoint: dict[str, str]  # file (relative to the run), sha256
    warnings: list[str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Class names in label order."""
        return list(self.run.classes)

    @property
    def architecture(self) -> nn.Module:
        """The plug-in's network, without the module that trained it."""
        inside: nn.Module = self.network.module.network  # type: ignore[assignment]
        return inside


def check_run(folder: str | Path) -> FinishedRun:
    """Read the folder of a finished run and check that it can be evaluated; the data are not read yet.

    Raises:
        InputError: the folder does not exist, has several folds, is damaged or has no checkpoint, the run is not
            finished, or its network was trained elsewhere.
    """
    folds = Record.read(folder).manifest.get("folds")
    if folds is not None:
        fold = next((name for name in folds if isinstance(name, str)), None)
        example = f", such as {Path(folder, fold)}" if fold else ""
        raise InputError(f"{folder}: holds the folds of a protocol, each with a network of its own; give one{example}")
    run = read_run(folder)
    require_network(run.record)
    if not (run.record.checkpoints / "best.ckpt").is_file():
        raise InputError(
            f"{folder}: checkpoints/best.ckpt is missing; repeat the run with --config {shell_word(folder)}/config.yaml"
        )
    head_of(folder)
    return run


def head_of(folder: str | Path) -> dict[str, Any]:
    """Return the header above the figures of a run, see ``manifest.header``.

    Raises:
        InputError: its manifest lacks a value.
    """
    try:
        return header(Record.read(folder))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}: manifest.json was not written by a run of this version ({error})") from None


def open_run(run: FinishedRun) -> OpenedRun:
    """Load the network and data of a run that was checked by ``check_run``; the test split stays sealed.

    Raises:
        InputError: the plug-in or the data are missing, data or split differ from those of the run, or the checkpoint
            is damaged or belongs to another network.
    """
    record = run.record
    settings = config.resolve(record.config).config
    # Without the augmentation, so that its libraries need not be installed.
    settings = replace(settings, augmentation=AugmentationConfig(), data=replace(settings.data, workers=0))
    if settings.trainer.threads:
        torch.set_num_threads(settings.trainer.threads)
    file = record.checkpoints / "best.ckpt"
    _check_whole(file)
    module = FERModule.load_from_checkpoint(file)
    data = build_data(settings)
    check_same_data(record, data.fingerprint, data.split_hash, str(record.folder))
    for setting, in_checkpoint, in_config in (
        ("classes", list(module.classes), list(data.classes)),
        ("image_size", module.config.data.image_size, settings.data.image_size),
        ("channels", module.config.data.channels, settings.data.channels),
    ):
        if in_checkpoint != in_config:
            raise InputError(
                f"{file}: not of this run: {setting} {in_checkpoint}, the run's configuration has {in_config}"
            )
    network = Network(module, device_of_one(settings), settings.trainer.precision)
    checkpoint = {"file": file.relative_to(record.folder).as_posix(), "sha256": hash_file(file)}
    opened = OpenedRun(run, data, network, checkpoint)
    then, component = record.manifest["plugin"], registry.find("architecture", str(settings.model.name))
    recorded_version, installed_version = (
        f"{source['distribution']} {source['version']}" for source in (then, vars(component))
    )
    if recorded_version != installed_version:
        opened.warnings.append(
            f"the run was made with {recorded_version}, here is {installed_version}; the network may be another"
        )
    if network.precision != settings.trainer.precision:
        opened.warnings.append(
            f"the run was scored with precision {settings.trainer.precision}, here with {network.precision}"
        )
    return opened


def _check_whole(file: Path) -> None:
    """Reject a checkpoint with changed bytes, which torch would load without an error."""
    broken = find_damage(file)
    if broken is not None:
        again = file.parent.parent / "config.yaml"
        raise InputError(
            f"{file}: not a readable checkpoint, it is damaged ({broken}); repeat the run: "
            f"fer-run --config {shell_word(again)}"
        )


def open_split(opened: OpenedRun, name: str, limit: int | None, purpose: str) -> tuple[Split, int]:
    """Return the images of a split for evaluation, without augmentation, and the number of images in the whole split.

    Only images of the dataset that was trained on are used; other datasets of protocol cross_dataset are left out.
    Before the test split is read, this is recorded under ``test_opened`` in the run's manifest, which is not changed
    otherwise.

    Args:
        opened: the run.
        name: "test", "val" or "train".
        limit: number of images to use, stratified by class and the same for every run on these data; None: all.
        purpose: what is measured, for the manifest.

    Raises:
        InputError: ``limit`` leaves no image for a class, or the manifest cannot be written.
    """
    data = opened.data
    rows = getattr(data.fold, name)
    if data.table.origin is not None:
        rows = rows[data.table.origin[rows] == ""]
    size = len(rows)
    if limit is not None:
        table = replace(data.table.rows(rows), split=np.full(size, name))
        rows = rows[table.subset(limit, "--limit")]
    if name == "test":
        record_opening(opened.run.record, data, "fer robustness", f"{purpose}, on {len(rows):,} of its {size:,} images")
    return make_split(opened, name, rows), size


def record_opening(run: Record, data: FERDataModule, command: str, purpose: str) -> None:
    """Record in a finished run's manifest that its test split is opened, then open it.

    Args:
        run: the run; its folder is read again, since another command may have changed it.
        data: the data of the run, with a sealed test split.
        command: name of the command that opens the test split.
        purpose: what for.

    Raises:
        InputError: the manifest cannot be written.
    """
    path = run.folder / "manifest.json"
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: not writable, and the opening of the test split must be recorded in it")
    reason = f"{command}, {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}: {purpose}"
    record = Record.read(run.folder)
    record.write_manifest(test_opened=[*record.manifest.get("test_opened", []), reason])
    data.open_test(reason)


def make_split(opened: OpenedRun, name: str, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Split:
    """Return the images in ``rows``, which must belong to the split ``name``."""
    data = opened.data
    assert data.table.digest is not None
    return Split(
        name=name,
        rows=rows,
        labels=data.table.label[rows],
        digests=data.table.digest[rows],
        read=lambda place: data.row_images(rows[place]),
        batch=SMALL_BATCH if opened.network.device.type == "cpu" else max(64, data.batch_size),
    )


def compare_with_record(opened: OpenedRun, split: Split, predictions: Predictions) -> dict[str, int] | None:
    """Compare predictions with those in the run's predictions.csv; None if it does not contain this split.

    Returns:
        ``images``: the number of images found in both; ``different``: how many of them were predicted differently.
    """
    if split.name != opened.run.split:
        return None
    then = dict(zip(opened.run.sources, opened.run.predicted.tolist(), strict=True))
    sources = opened.data.source_names(split.rows)
    pairs = [(then[name], now) for name, now in zip(sources, predictions.predicted, strict=True) if name in then]
    return {"images": len(pairs), "different": sum(int(old != now) for old, now in pairs)}
