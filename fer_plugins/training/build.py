"""Builds the parts of a run from a checked configuration: module, data and trainer; checks the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn

from fer_plugins import config
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.loaders.workers import is_worker_failure
from fer_plugins.metrics.table import EPOCH, METRICS
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError, one_line
from fer_plugins.runtime.plural import count
from fer_plugins.runtime.seeds import derive
from fer_plugins.training import checkpoints, criterion, optim
from fer_plugins.training.build_data import build_data as build_data
from fer_plugins.training.build_data import cache_folder as cache_folder
from fer_plugins.training.callbacks import DuringTraining, build_callbacks
from fer_plugins.training.compiling import CompileNetwork
from fer_plugins.training.criterion import SoftTargets
from fer_plugins.training.devices import InStep, check_devices, count_processes, trainer_arguments
from fer_plugins.training.module import FERModule
from fer_plugins.training.profiling import ProfileTable, build_profiler
from fer_plugins.training.progress import EpochLog, training_bar
from fer_plugins.training.stopping import EndWhenInterrupted, TimeLimit, stopping_callback


def check_machine(settings: config.RunConfig) -> None:
    """Reject settings that this machine or the libraries do not support, before any data are read.

    Raises:
        InputError: for example an unavailable device, or an argument that the optimiser or scheduler rejects.
    """
    accelerator, precision = settings.trainer.accelerator, settings.trainer.precision
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(f"trainer.accelerator: {accelerator} asked for, no CUDA device found; use auto or cpu")
    if accelerator == "mps" and not torch.backends.mps.is_available():
        raise InputError("trainer.accelerator: mps asked for, no Apple GPU found; use auto or cpu")
    if precision == "16-mixed" and (accelerator == "cpu" or not torch.cuda.is_available()):
        raise InputError("trainer.precision: 16-mixed needs a GPU; use bf16-mixed or 32-true")
    check_devices(settings)
    _selection_metric(settings)
    criterion.check(settings)
    if settings.data.targets and settings.protocol.name not in ("cross_dataset", "file"):
        raise InputError("data.targets: are tested under --protocol cross_dataset; set it, or leave them out")
    optim.check(settings)
    build_callbacks(settings)


def _selection_metric(settings: config.RunConfig) -> None:
    metric = settings.selection.metric
    entries = {f"val/{name}": METRICS[name] for name in EPOCH}
    if metric not in entries:
        why = "; the test split may not select anything" if str(metric).startswith("test") else ""
        raise InputError(f"selection.metric: {metric!r} is not known{why}; known: {', '.join(entries)}")
    if settings.selection.mode != entries[metric].mode:
        raise InputError(f"selection.mode: {metric} is better when {entries[metric].better}")
    if settings.selection.stop != "metric" and metric == "val/loss":
        raise InputError(
            "selection.stop: looks at val/loss beside another metric; set selection.metric or stop: metric"
        )
    if settings.selection.stop != "metric" and settings.selection.patience is None:
        raise InputError(f"selection.stop: {settings.selection.stop} does nothing without selection.patience")


def build_module(settings: config.RunConfig, data: FERDataModule) -> FERModule:
    """Build the network with the run's seed, including its teacher if there is one.

    Raises:
        InputError: the architecture rejects its options or the image size, or the teacher does not match the data.
    """
    torch.manual_seed(derive(settings.seed, "weights"))
    counts = list(data.counts["train"].values())
    return FERModule(
        settings, list(data.classes), counts, build_teacher(settings, list(data.classes)), build_targets(settings, data)
    )


def build_targets(settings: config.RunConfig, data: FERDataModule) -> SoftTargets | None:
    """Return the target distributions to train with, if the dataset provides them and their mode; otherwise None.

    Raises:
        InputError: a setting of the loss conflicts with them, or the dataset is inconsistent.
    """
    mode = getattr(data.dataset, "target_mode", None)
    if mode is None or data.table.target is None:
        return None
    criterion.check_target_mode(settings, mode, data.augmentation)
    return SoftTargets(data.table.target, mode)


def build_teacher(settings: config.RunConfig, classes: list[str]) -> nn.Module | None:
    """Return the frozen network of ``model.teacher``, or None if it is not set.

    Raises:
        InputError: the checkpoint does not exist, or its classes, image size or channels differ from this run's.
    """
    path = settings.model.teacher
    if path is None:
        return None
    teacher = FERModule.load_from_checkpoint(checkpoints.find_checkpoint(path))
    for key, theirs, ours in (
        ("classes", teacher.classes, classes),
        ("image_size", teacher.config.data.image_size, settings.data.image_size),
        ("channels", teacher.config.data.channels, settings.data.channels),
    ):
        if theirs != ours:
            raise InputError(f"model.teacher: {path} was trained with {key} {theirs}, this run has {ours}")
    return teacher.network.eval().requires_grad_(False)


def loop_arguments(settings: config.RunConfig) -> dict[str, Any]:
    """Return the arguments of Lightning's Trainer for the training steps, which do not depend on the machine."""
    section = settings.trainer
    assert section.precision != "auto", "a run settles it before anything is built"
    return {
        "precision": section.precision,
        "max_epochs": section.epochs,
        "gradient_clip_val": section.gradient_clip_norm,
        "accumulate_grad_batches": section.accumulate_grad_batches,
        "logger": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }


def build_trainer(settings: config.RunConfig, record: Record, log: EpochLog) -> L.Trainer:
    """Build Lightning's Trainer with the run's checkpoints, early stopping and progress."""
    section, selection = settings.trainer, settings.selection
    callbacks: list[L.Callback] = [
        EndWhenInterrupted(),
        log,
        checkpoints.BestAndLast(
            record.checkpoints.absolute(), selection.metric, selection.mode, keep_last=selection.name == "last"
        ),
    ]
    callbacks += [rule] if (rule := stopping_callback(selection)) else []
    callbacks += training_bar(settings) + (named := build_callbacks(settings)) + [DuringTraining(named)]

    def warn(text: str) -> None:
        log.console.say(f"  warning: {text}")
        warnings = record.manifest.setdefault("warnings", [])
        if text not in warnings:  # it may be there from an earlier session
            warnings.append(text)

    if section.compile != "off":
        callbacks.append(CompileNetwork(section.compile, log.console.say, warn))
    if section.max_time is not None:
        callbacks.append(TimeLimit(section.max_time, warn))
    if section.profiler != "none":
        callbacks.append(ProfileTable(log.console, record.folder))
    callbacks += [InStep()] if count_processes(settings) > 1 else []
    return L.Trainer(
        **trainer_arguments(settings),
        **loop_arguments(settings),
        profiler=build_profiler(settings, record.folder),
        deterministic="warn" if section.deterministic else False,
        benchmark=not section.deterministic,
        callbacks=callbacks,
        default_root_dir=record.folder,
        enable_progress_bar=bool(training_bar(settings)),
    )


def device_name(trainer: L.Trainer) -> str:
    """Return the name of the device that is trained on, such as "cpu, 2 threads" or "2 x cpu, 1 thread"."""
    device = trainer.strategy.root_device
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type}, {count(torch.get_num_threads(), 'thread')}"
    )
    return name if trainer.world_size == 1 else f"{trainer.world_size} x {name}"


def fit(trainer: L.Trainer, module: FERModule, data: FERDataModule, resume_from: Path | None) -> None:
    """Fit a module, starting from a checkpoint if one is given.

    Raises:
        RunError: the device is out of memory, or a loader process failed.
    """
    try:
        trainer.fit(module, datamodule=data, ckpt_path=resume_from, weights_only=True)
    except torch.OutOfMemoryError as error:
        raise RunError("the device is out of memory; lower data.batch_size") from error
    except RuntimeError as error:
        if not is_worker_failure(error):
            raise
        text = one_line(error)
        raise RunError(f"the loader processes do not deliver ({text}); try --data.workers 0") from error
