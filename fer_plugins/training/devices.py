"""The devices of a training: checks them, counts the processes, and sets up Lightning's strategy."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment

from fer_plugins.config import RunConfig
from fer_plugins.data.loaders.order import EpochOrder
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.launched import Launched, launched, local_rank
from fer_plugins.runtime.ranks import current_rank
from fer_plugins.training.checkpoints import WholeFileIO


def check_devices(settings: RunConfig) -> None:
    """Refuse devices and machines that are not there, in one line.

    Raises:
        InputError: the message names the key.
    """
    section, place = settings.trainer, launched()
    on_gpu = _on_gpu(settings)
    if isinstance(section.devices, tuple):
        if not on_gpu:
            raise InputError("trainer.devices: a list names GPUs, and this run has none; give a number of processes")
        if len(set(section.devices)) != len(section.devices) or not section.devices:
            raise InputError(f"trainer.devices: {list(section.devices)} names no GPU, or one twice; name each once")
    if on_gpu:
        count = torch.cuda.device_count()
        missing = [index for index in _indices(settings) if not 0 <= index < count]
        if missing:
            raise InputError(
                f"trainer.devices: GPU {missing[0]} does not exist; this process sees {count}, numbered from 0: lower "
                "trainer.devices"
            )
    elif section.accelerator == "mps" and count_here(settings) > 1:
        raise InputError("trainer.devices: Apple's GPU is one device; give 1, or --trainer.accelerator cpu")
    if place is None and section.num_nodes > 1:
        raise InputError(
            f"trainer.num_nodes: {section.num_nodes} machines take a launcher that starts this command on each of "
            "them: srun or torchrun (configs/slurm/fer-run.sbatch is an example); else give 1"
        )
    if place is not None:
        _check_launched(settings, place)
    processes = count_processes(settings)
    if processes == 1 and section.strategy != "auto":
        raise InputError(f"trainer.strategy: {section.strategy} needs several devices; raise trainer.devices")
    if processes > 1 and settings.data.batch_size < 2 * processes:
        raise InputError(
            f"data.batch_size: {processes} processes share batches of {settings.data.batch_size}, and each needs two "
            f"images; give at least {2 * processes}"
        )


def _check_launched(settings: RunConfig, place: Launched) -> None:
    section = settings.trainer
    if section.num_nodes != place.nodes:
        raise InputError(
            f"trainer.num_nodes: is {section.num_nodes}, and {place.by} has started this command on {place.nodes}; "
            f"give {place.nodes}"
        )
    if count_processes(settings) != place.processes:
        raise InputError(
            f"trainer.devices: {count_here(settings)} on each of {place.nodes} machines, and {place.by} has started "
            f"{place.processes} processes in all; give {place.processes // place.nodes}"
        )
    if place.local_rank != place.rank % count_here(settings):
        raise InputError(f"{place.by}: processes are not numbered machine by machine; use --distribution=block")


def count_here(settings: RunConfig) -> int:
    """Return how many processes this machine gets."""
    devices = settings.trainer.devices
    if isinstance(devices, tuple):
        return len(devices)
    if devices == "auto":
        place = launched()
        if place is not None:
            return place.processes // place.nodes
        return torch.cuda.device_count() if _on_gpu(settings) else 1
    return int(devices)


def count_processes(settings: RunConfig) -> int:
    """Return how many processes train together."""
    return count_here(settings) * settings.trainer.num_nodes


def own_device(settings: RunConfig) -> torch.device:
    """Return the device that this process computes on, as ``trainer.accelerator`` and ``trainer.devices`` say."""
    if _on_gpu(settings):
        return torch.device("cuda", _indices(settings)[local_rank() if count_processes(settings) > 1 else 0])
    apple = settings.trainer.accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available()
    return torch.device("mps" if apple else "cpu")


def device_of_one(settings: RunConfig) -> torch.device:
    """Return the device on which one process opens a finished run, whatever GPUs the training had: the first one."""
    return own_device(replace(settings, trainer=replace(settings.trainer, devices=1, num_nodes=1)))


def _on_gpu(settings: RunConfig) -> bool:
    return settings.trainer.accelerator not in ("cpu", "mps") and torch.cuda.is_available()


def _indices(settings: RunConfig) -> list[int]:
    devices = settings.trainer.devices
    return list(devices) if isinstance(devices, tuple) else list(range(count_here(settings)))


class OwnProcesses(LightningEnvironment):
    """Tells Lightning that the processes are started already, and which of them this one is.

    Lightning's own launcher starts the whole command again for each process, which would begin every seed, fold and
    folder of the command once more in each; and its handler of SLURM's signal keeps a checkpoint in the middle of an
    epoch, from which a run does not go on with the same bits.
    """

    def __init__(self, per_machine: int) -> None:
        super().__init__()
        self._per_machine = per_machine

    @property
    def creates_processes_externally(self) -> bool:
        """They are there."""
        return True

    def local_rank(self) -> int:
        """Return the number of this process on its machine."""
        return local_rank()

    def node_rank(self) -> int:
        """Return the number of this machine."""
        return current_rank().number // self._per_machine


class InStep(L.Callback):
    """Lets processes that train together end together, whichever of them decides it, and leaves SIGTERM to the command.

    Lightning's handler of SIGTERM tells the other processes in the middle of whatever they exchange just then, and
    waits for ever.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Put the command's handler back."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)

    on_validation_start = on_test_start = on_train_start

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End the training in every process where a callback of one has asked for it."""
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(trainer.should_stop, all=False)


def trainer_arguments(settings: RunConfig) -> dict[str, Any]:
    """Return what Lightning's Trainer is told of devices; the loaders of this package share the samples themselves."""
    section, processes = settings.trainer, count_processes(settings)
    devices = _indices(settings) if processes > 1 and _on_gpu(settings) else count_here(settings)
    return {
        "accelerator": section.accelerator,
        "devices": list(section.devices) if isinstance(section.devices, tuple) else devices,
        "num_nodes": section.num_nodes,
        "strategy": "ddp" if processes > 1 and section.strategy == "auto" else section.strategy,
        "plugins": [WholeFileIO(), OwnProcesses(count_here(settings))],
        "use_distributed_sampler": False,
    }


def epoch_order(loader: Any) -> EpochOrder:
    """Return the order of a training loader of this package, with its batches."""
    order: EpochOrder = loader.order if hasattr(loader, "order") else loader.sampler.order
    return order


def batch_share(trainer: L.Trainer, number: int) -> float:
    """Return what the loss of this process counts in the step of the training batch of that number.

    See ``EpochOrder.share``.
    """
    return epoch_order(trainer.train_dataloader).share(number, trainer.accumulate_grad_batches)


def describe_sharing(settings: RunConfig) -> str | None:
    """Return a line on how a batch is shared among processes; None for one."""
    processes = count_processes(settings)
    if processes == 1:
        return None
    size = settings.data.batch_size
    share = f"{size // processes}" if size % processes == 0 else f"{size // processes} or {size // processes + 1}"
    where = f" on {settings.trainer.num_nodes} machines" if settings.trainer.num_nodes > 1 else ""
    return f"{processes} processes{where} share batches of {size}: {share} images each"
