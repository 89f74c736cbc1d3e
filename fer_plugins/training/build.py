"""From a checked configuration to the parts of a run: machine, data, module, trainer."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.data_schema import DataConfig
from fer_plugins.contract import MixesBatch
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.face_crop import FaceCropped
from fer_plugins.data.joined import Joined
from fer_plugins.data.read_once import once
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.seeds import derive
from fer_plugins.training import checkpoints, criterion, optim_trial
from fer_plugins.training.callbacks import DuringTraining, build_callbacks
from fer_plugins.training.module import FERModule
from fer_plugins.training.progress import EpochLog, decoding_progress, training_bar
from fer_plugins.training.soft_targets import SoftTargets
from fer_plugins.training.stopping import stopping_callback


def check_machine(settings: config.RunConfig) -> None:
    """Refuse what this machine or the libraries cannot do, before any data are read.

    Raises:
        InputError: a device that is not there, or an argument that an optimiser or scheduler refuses.
    """
    accelerator, precision = settings.trainer.accelerator, settings.trainer.precision
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(f"trainer.accelerator: {accelerator} asked for, no CUDA device found; use auto or cpu")
    if accelerator == "mps" and not torch.backends.mps.is_available():
        raise InputError("trainer.accelerator: mps asked for, no Apple GPU found; use auto or cpu")
    if precision == "16-mixed" and (accelerator == "cpu" or not torch.cuda.is_available()):
        raise InputError("trainer.precision: 16-mixed needs a GPU; use bf16-mixed or 32-true")
    _selection_metric(settings)
    criterion.check(settings)
    if settings["data"]["targets"] and settings["protocol"]["name"] not in ("cross_dataset", "file"):
        raise InputError("data.targets: are tested under --protocol cross_dataset; set it, or leave them out")
    optim_trial.check(settings)
    build_callbacks(settings)


def _selection_metric(settings: config.RunConfig) -> None:
    metric = settings.selection.metric
    known = ("val/accuracy", "val/balanced_accuracy", "val/f1", "val/loss")
    if metric not in known:
        why = "; the test split may not select anything" if str(metric).startswith("test") else ""
        raise InputError(f"selection.metric: {metric!r} is not known{why}; known: {', '.join(known)}")
    if (metric == "val/loss") != (settings.selection.mode == "min"):
        raise InputError(f"selection.mode: {metric} is better when {'smaller' if metric == 'val/loss' else 'larger'}")
    if settings.selection.stop != "metric" and metric == "val/loss":
        raise InputError(
            "selection.stop: looks at val/loss beside another metric; set selection.metric or stop: metric"
        )
    if settings.selection.stop != "metric" and settings.selection.patience is None:
        raise InputError(f"selection.stop: {settings.selection.stop} does nothing without selection.patience")


_OF_DATASET = ("face_crop", "on_no_face", "targets")  # keys of the core that a dataset is built with


def build_data(settings: config.RunConfig) -> FERDataModule:
    """Build dataset, protocol and augmentation, read the images and split them.

    Raises:
        InputError: anything about the data is wrong.
    """
    section = settings["data"]
    core = config.section_keys("data")
    own = {name: value for name, value in section.items() if name not in core}
    offered = {"image_size": section["image_size"], "channels": section["channels"]}
    shaping = {**own, **{name: section[name] for name in ("name", "root", *offered, *_OF_DATASET)}}

    def build_dataset() -> Any:
        dataset = registry.build("dataset", section["name"], root=section["root"], **offered, **own)
        dataset = _cut_faces(dataset, section["face_crop"], section["on_no_face"])
        return Joined(dataset, _build_targets(section["targets"], offered)) if section["targets"] else dataset

    dataset = once("dataset", json.dumps(shaping, sort_keys=True, default=str), build_dataset)
    protocol = dict(settings["protocol"])
    augmentation = dict(settings["augmentation"])
    data = FERDataModule(
        dataset,
        name=section.name,
        protocol=registry.build("protocol", protocol.pop("name"), **protocol),
        augmentation=registry.build(
            "augmentation", augmentation.pop("name"), image_size=section.image_size, **augmentation
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
        memory_gb=section.memory_gb,
        cache=cache_folder(section.cache),
        progress=decoding_progress(settings, section.name),
        resident_device="cuda" if settings.trainer.accelerator != "cpu" and torch.cuda.is_available() else "cpu",
    )
    try:
        data.prepare()
    except InputError:
        raise
    except (ValueError, OSError) as error:  # what a dataset or protocol plug-in refuses
        raise InputError(f"dataset {section.name}: {' '.join(str(error).split())}") from error
    return data


def _build_targets(given: Any, offered: Mapping[str, Any]) -> dict[str, Any]:
    """Build the datasets of ``data.targets``.

    Raises:
        InputError: it is no mapping of mappings, or a dataset refuses its root or options.
    """
    if not isinstance(given, Mapping) or not all(isinstance(one, Mapping) for one in given.values()):
        raise InputError("data.targets: expected NAME: {root: PATH}, as with --data.targets.ckplus.root PATH")
    built = {}
    for label, one in given.items():
        options = dict(one)
        name = str(options.pop("name", label))
        try:
            faces = options.pop("face_crop", "none"), options.pop("on_no_face", "full_image")
            dataset = registry.build("dataset", name, root=options.pop("root", None), **offered, **options)
            built[str(label)] = _cut_faces(dataset, *faces)
        except InputError as error:
            raise InputError(f"data.targets.{label}: {error}") from error
    return built


def _cut_faces(dataset: Any, face_crop: str, on_no_face: Any) -> Any:
    """Return the dataset, cut to its faces where that is asked for.

    Raises:
        InputError: an unknown word (those of ``data`` itself were checked before).
    """
    for name, given, known in (
        ("face_crop", face_crop, ("none", "lbp")),
        ("on_no_face", on_no_face, ("full_image", "skip")),
    ):
        if given not in known:
            raise InputError(f"{name}: {given!r} is not known; give {' or '.join(known)}")
    return dataset if face_crop == "none" else FaceCropped(dataset, on_no_face)


def _build_offline(section: DataConfig) -> tuple[Any, int | None] | None:
    """Return what makes the images of ``data.balance augment``, and how many of each class; None without it.

    Raises:
        InputError: no such augmentation, or it makes no images.
    """
    if section.balance != "augment":
        return None
    given = section.balance_with
    options = {"name": given} if isinstance(given, str) else dict(given) if isinstance(given, Mapping) else {}
    if not isinstance(options.get("name"), str) or options["name"] == "none":
        raise InputError("data.balance_with: expected an augmentation's name, or a mapping with its name and options")
    name = options.pop("name")
    made = registry.build("augmentation", name, image_size=section["image_size"], **options)
    if isinstance(made, MixesBatch):
        raise InputError(f"data.balance_with: {name} mixes images of several classes; take another augmentation")
    return made, section["balance_to"]


def cache_folder(given: str | None) -> Path | None:
    """Return the folder of decoded images: as given, else FER_CACHE_DIR, else the user's; None for "none"."""
    if given == "none":
        return None
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    path = os.path.expanduser(given or os.environ.get("FER_CACHE_DIR") or os.path.join(home, "fer-plugins"))
    return None if path.startswith("~") else Path(path)  # of a user without a home; Path.expanduser would raise


def build_module(settings: config.RunConfig, data: FERDataModule) -> FERModule:
    """Build the network under the run's seed, with its teacher where there is one.

    Raises:
        InputError: the architecture refuses its options or the image size, or the teacher does not fit.
    """
    torch.manual_seed(derive(settings.seed, "weights"))
    counts = list(data.counts["train"].values())
    return FERModule(
        settings, list(data.classes), counts, build_teacher(settings, list(data.classes)), build_targets(settings, data)
    )


def build_targets(settings: config.RunConfig, data: FERDataModule) -> SoftTargets | None:
    """Return the shares per class that training aims at, where the dataset has them and says how they are used.

    Raises:
        InputError: a setting of the loss does not go with them, or the dataset contradicts itself.
    """
    mode = getattr(data.dataset, "target_mode", None)
    if mode is None or data.table.target is None:
        return None
    criterion.check_target_mode(settings, mode, data.augmentation)
    return SoftTargets(data.table.target, mode)


def build_teacher(settings: config.RunConfig, classes: list[str]) -> nn.Module | None:
    """Return the frozen network of ``model.teacher``, or None.

    Raises:
        InputError: it is not there, or was trained on other classes or another input.
    """
    given = settings.model.teacher
    if given is None:
        return None
    teacher = FERModule.load_from_checkpoint(checkpoints.find_checkpoint(given))
    for what, theirs, ours in (
        ("classes", teacher.classes, classes),
        ("image_size", teacher.config.data.image_size, settings.data.image_size),
        ("channels", teacher.config.data.channels, settings.data.channels),
    ):
        if theirs != ours:
            raise InputError(f"model.teacher: {given} was trained with {what} {theirs}, this run has {ours}")
    return teacher.network.eval().requires_grad_(False)


def build_trainer(settings: config.RunConfig, record: Record, log: EpochLog) -> L.Trainer:
    """Build Lightning's trainer with the run's checkpoints, early stopping and progress."""
    section, selection = settings.trainer, settings.selection
    callbacks: list[L.Callback] = [
        log,
        checkpoints.BestAndLast(record.checkpoints.absolute(), selection.metric, selection.mode),
    ]
    callbacks += [rule] if (rule := stopping_callback(selection)) else []
    callbacks += training_bar(settings) + (named := build_callbacks(settings)) + [DuringTraining(named)]
    return L.Trainer(
        accelerator=section.accelerator,
        devices=1,
        precision=section.precision,
        max_epochs=section.epochs,
        gradient_clip_val=section.gradient_clip_norm,
        deterministic="warn" if section.deterministic else False,
        benchmark=not section.deterministic,
        callbacks=callbacks,
        plugins=[checkpoints.WholeFileIO()],
        logger=False,
        default_root_dir=record.folder,
        enable_model_summary=False,
        enable_progress_bar=bool(training_bar(settings)),
        num_sanity_val_steps=0,
    )
