"""Builds the data of a run from a checked configuration: dataset, protocol and augmentation, read and split."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.data_schema import DataConfig
from fer_plugins.config.overlay import as_named
from fer_plugins.contract import MixesBatch
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.dataset_views import JoinedDatasets, WithoutClasses
from fer_plugins.data.face_crop import crop_faces
from fer_plugins.data.offline import Offline
from fer_plugins.data.preprocessing import FACE_KEYS, face_settings
from fer_plugins.data.read_once import once
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.training.devices import count_processes, own_device
from fer_plugins.training.progress import decoding_progress


def build_data(settings: config.RunConfig) -> FERDataModule:
    """Build dataset, protocol and augmentation, read the images and split them.

    Raises:
        InputError: anything about the data is wrong.
    """
    section, protocol, augmentation = settings.data, settings.protocol, settings.augmentation
    device = own_device(settings)
    own, targets = config.copy_plain(section.options), config.copy_plain(section.targets)
    offered = {"image_size": section.image_size, "channels": section.channels}
    cropping = face_settings(section)
    shaping = {**own, **{name: getattr(section, name) for name in ("name", "root", "votes", "drop_classes", "targets")}}
    shaping |= offered | cropping

    def build_dataset() -> Any:
        dataset: Any = registry.build("dataset", section.name, root=section.root, votes=section.votes, **offered, **own)
        dataset = WithoutClasses(dataset, section.drop_classes) if section.drop_classes else dataset
        dataset = crop_faces(dataset, **cropping)
        return JoinedDatasets(dataset, _build_targets(targets, offered)) if targets else dataset

    dataset = once("dataset", json.dumps(shaping, sort_keys=True, default=str), build_dataset)
    data = FERDataModule(
        dataset,
        name=section.name,
        protocol=registry.build("protocol", protocol.name, seed=protocol.seed, **config.copy_plain(protocol.options)),
        augmentation=registry.build(
            "augmentation", augmentation.name, image_size=section.image_size, **config.copy_plain(augmentation.options)
        ),
        image_size=section.image_size,
        channels=section.channels,
        batch_size=section.batch_size,
        seed=settings.seed,
        fold=settings.run.fold or 0,
        limit=section.limit,
        on_leaks=section.leaks,
        near_copies=section.near_copies,
        oversample=section.balance == "oversample",
        offline=_build_offline(section),
        workers=section.workers,
        # Processes that train together map one file. Images that are generated offline are in memory in any case.
        memory_gb=0 if count_processes(settings) > 1 and section.balance != "augment" else section.memory_gb,
        cache=cache_folder(section.cache),
        progress=decoding_progress(settings, section.name),
        resident_device=str(device) if device.type == "cuda" else "cpu",
        faces=cropping,
    )
    try:
        data.prepare()
    except InputError:
        raise
    except (ValueError, OSError) as error:  # raised by a dataset or protocol plug-in
        raise InputError(f"dataset {section.name}: {one_line(error)}") from error
    return data


def _build_targets(targets: Any, offered: Mapping[str, Any]) -> dict[str, Any]:
    """Build the datasets of ``data.targets``.

    Raises:
        InputError: the value is not a mapping of mappings, or a dataset rejects its root or options.
    """
    if not isinstance(targets, Mapping) or not all(isinstance(target, Mapping) for target in targets.values()):
        raise InputError("data.targets: expected NAME: {root: PATH}, as with --data.targets.ckplus.root PATH")
    built = {}
    for label, target in targets.items():
        options = dict(target)
        if "votes" in options:
            raise InputError(
                f"data.targets.{label}.votes: only the dataset that is trained on takes votes; leave it out"
            )
        name = str(options.pop("name", label))
        try:
            cropping = {key: options.pop(key) for key in FACE_KEYS if key in options}
            dataset = registry.build("dataset", name, root=options.pop("root", None), **offered, **options)
            built[str(label)] = crop_faces(dataset, **cropping)
        except InputError as error:
            raise InputError(f"data.targets.{label}: {error}") from error
    return built


def _build_offline(section: DataConfig) -> Offline | None:
    """Return the augmentation of ``data.balance augment`` and the number of images to generate, or None if not set.

    Raises:
        InputError: the augmentation does not exist, or does not generate images.
    """
    if section.balance != "augment":
        return None
    options = as_named(section.balance_with)
    if not isinstance(options.get("name"), str) or options["name"] == "none":
        raise InputError("data.balance_with: expected an augmentation's name, or a mapping with its name and options")
    name = options.pop("name")
    transform = registry.build("augmentation", name, image_size=section.image_size, **options)
    if isinstance(transform, MixesBatch):
        raise InputError(f"data.balance_with: {name} mixes images of several classes; take another augmentation")
    return Offline(transform, section.balance_to, section.balance_total)


def cache_folder(folder: str | None) -> Path | None:
    """Return the folder of decoded images: ``folder``, else FER_CACHE_DIR, else the user's cache; None for "none"."""
    if folder == "none":
        return None
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    path = os.path.expanduser(folder or os.environ.get("FER_CACHE_DIR") or os.path.join(home, "fer-plugins"))
    return None if path.startswith("~") else Path(path)  # the user has no home folder; Path.expanduser would raise
