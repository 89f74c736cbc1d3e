"""The devices of a training: checks them, counts the processes, and configures Lightning's strategy."""

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
    """Reject devices and machines that are not available.

    Raises:
        InputError: one line that names the key.
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
    """Return the number of processes on this machine."""
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
    """Return the number of processes of the training on all machines."""
    return count_here(settings) * settings.trainer.num_nodes


def own_device(settings: RunConfig) -> torch.device:
    """Return the device of this process according to ``trainer.accelerator`` and ``trainer.devices``."""
    if _on_gpu(settings):
        return torch.device("cuda", _indices(settings)[local_rank() if count_processes(settings) > 1 else 0])
    apple = settings.trainer.accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available()
    return torch.device("mps" if apple else "cpu")


def device_of_one(settings: RunConfig) -> torch.device:
    """Return the device for opening a finished run in one process: the first, however many it was trained on."""
    return own_device(replace(settings, trainer=replace(settings.trainer, devices=1, num_nodes=1)))


def _on_gpu(settings: RunConfig) -> bool:
    return settings.trainer.accelerator not in ("cpu", "mps") and torch.cuda.is_available()


def _indices(settings: RunConfig) -> list[int]:
    devices = settings.trainer.devices
    return list(devices) if isinstance(devices, tuple) else list(range(count_here(settings)))


class OwnProcesses(LightningEnvironment):
    """Tells Lightning that the processes have already been started, and which of them this process is.

    Lightning's own launcher starts the whole command again for each process, which would repeat all seeds, folds and
    folders of the command in each of them. Its handler of SLURM's signal saves a checkpoint in the middle of an epoch,
    from which a run cannot be resumed with bit-identical results.
    """

    def __init__(self, per_machine: int) -> None:
        super().__init__()
        self._per_machine = per_machine

    @property
    def creates_processes_externally(self) -> bool:
        """The processes have already been started."""
        return True

    def local_rank(self) -> int:
        """Return the number of this process on its machine."""
        return local_rank()

    def node_rank(self) -> int:
        """Return the number of this machine."""
        return current_rank().number // self._per_machine


class InStep(L.Callback):
    """Makes all processes of a training stop together if one of them decides to, and leaves SIGTERM to the command.

    Lightning's own handler of SIGTERM notifies the other processes while they may be exchanging other data, and then
    waits forever.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Restore the command's signal handler."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)

    on_validation_start = on_test_start = on_train_start

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop the training in all processes if a callback of one of them requested it."""
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(trainer.should_stop, all=False)


def trainer_arguments(settings: RunConfig) -> dict[str, Any]:
    """Return Lightning's Trainer arguments for devices; this package's loaders distribute the samples themselves."""
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
    """Return the order and batches of a training loader of this package."""
    order: EpochOrder = loader.order if hasattr(loader, "order") else loader.sampler.order
    return order


def batch_share(trainer: L.Trainer, number: int) -> float:
    """Return the factor on this process's loss in the step of a training batch; see ``EpochOrder.share``.

    Args:
        trainer: Lightning's trainer.
        number: number of the training batch in the epoch, from 0.
    """
    return epoch_order(trainer.train_dataloader).share(number, trainer.accumulate_grad_batches)


def describe_sharing(settings: RunConfig) -> str | None:
    """Return a line on how a batch is divided among processes; None if there is only one."""
    processes = count_processes(settings)
    if processes == 1:
        return None
    size = settings.data.batch_size
    share = f"{size // processes}" if size % processes == 0 else f"{size // processes} or {size // processes + 1}"
    where = f" on {settings.trainer.num_nodes} machines" if settings.trainer.num_nodes > 1 else ""
    return f"{processes} processes{where} share batches of {size}: {share} images each"
