"""Chooses the number of CPU threads for training by timing a step under the current load of the machine."""

from __future__ import annotations

import copy
import os
from typing import NamedTuple

import torch
from torch import nn

from fer_plugins.config import RunConfig
from fer_plugins.runtime.plural import count
from fer_plugins.training.devices import count_here, own_device
from fer_plugins.training.step_time import time_step, training_step

LARGEST_BATCH = 16  # number of images in the timed step
LEAST_SPEEDUP = (
    1.3  # fewer threads are only chosen if faster by this factor, so that an idle machine always makes the same choice
)
LONG = 0.5  # seconds; a step that takes this long is timed once only


class Threads(NamedTuple):
    """The number of CPU threads, what determined it, and the seconds per step measured for each number of threads."""

    number: int
    chosen_by: str  # "trainer.threads" or .devices, "OMP_NUM_THREADS", "torch", "measured", "the interrupted run"
    seconds: dict[int, float]

    def __str__(self) -> str:
        if not self.seconds:
            return count(self.number, "thread")
        steps = ", ".join(f"{seconds:.2g} s with {number}" for number, seconds in self.seconds.items())
        return f"{count(self.number, 'thread')} (a step took {steps})"


def choose_threads(settings: RunConfig, network: nn.Module, recorded: int | None = None) -> Threads:
    """Choose, set and return the number of CPU threads.

    A number set by the user is taken (``trainer.threads``, or ``OMP_NUM_THREADS`` in the environment). Several
    processes on one machine divide its cores among them. A resumed run uses the number that it started with, so that
    its result is bit-identical to that of an uninterrupted run. Otherwise one training step is timed with torch's
    default number of threads, then with half of it, and so on while the time decreases: if other processes use the same
    cores, many threads can be ten times slower than one. Weights, buffers and random state are left unchanged.

    Args:
        settings: the complete configuration.
        network: takes images (B, channels, image_size, image_size).
        recorded: the number of threads of the interrupted run, if one is resumed.
    """
    configured = settings.trainer.threads
    if configured:
        torch.set_num_threads(configured)
        return Threads(configured, "trainer.threads", {})
    if count_here(settings) > 1 and "OMP_NUM_THREADS" not in os.environ:  # several processes share the cores
        torch.set_num_threads(max(1, torch.get_num_threads() // count_here(settings)))
        return Threads(torch.get_num_threads(), "trainer.devices", {})
    if recorded is not None:
        torch.set_num_threads(recorded)
        return Threads(recorded, "the interrupted run", {})
    most = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:
        return Threads(most, "OMP_NUM_THREADS", {})
    if most == 1 or own_device(settings).type != "cpu":
        return Threads(most, "torch", {})
    seconds: dict[int, float] = {}
    try:
        batch = min(LARGEST_BATCH, settings.data.batch_size)
        step = training_step(copy.deepcopy(network), settings.data, batch)
        step()  # warm-up: allocates memory and selects kernels
        number = most
        while number >= 1:
            torch.set_num_threads(number)
            seconds[number] = time_step(step, LONG, most=2)
            if len(seconds) > 1 and seconds[number] > min(seconds.values()):
                break
            number //= 2
    except Exception:  # for example a network that cannot train on random images: keep torch's default
        seconds = {}
    best = min(seconds, key=seconds.__getitem__, default=most)
    if seconds and seconds[best] * LEAST_SPEEDUP > seconds[most]:
        best = most
    torch.set_num_threads(best)
    return Threads(best, "measured" if seconds else "torch", seconds)
