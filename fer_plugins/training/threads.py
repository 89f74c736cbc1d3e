"""Chooses the number of CPU threads of a training by timing a step on the machine as it is, busy or not."""

from __future__ import annotations

import copy
import os
from typing import NamedTuple

import torch
from torch import nn

from fer_plugins.config import RunConfig
from fer_plugins.training.devices import count_here, own_device
from fer_plugins.training.step_time import time_step, training_step

LARGEST_BATCH = 16  # images of a measured step
LEAST_SPEEDUP = (
    1.3  # fewer threads are taken only where they are faster by this factor: a quiet machine always chooses alike
)
LONG = 0.5  # seconds; a step that takes so long is not measured twice


class Threads(NamedTuple):
    """CPU threads of one operation: their number, who chose it, and the seconds that a step took with each number."""

    number: int
    chosen_by: str  # "trainer.threads" or .devices, "OMP_NUM_THREADS", "torch", "measured", "the interrupted run"
    seconds: dict[int, float]

    def __str__(self) -> str:
        if not self.seconds:
            return count_threads(self.number)
        steps = ", ".join(f"{seconds:.2g} s with {number}" for number, seconds in self.seconds.items())
        return f"{count_threads(self.number)} (a step took {steps})"


def count_threads(number: int) -> str:
    """Return "1 thread", "2 threads"."""
    return f"{number} thread{'s' * (number != 1)}"


def choose_threads(settings: RunConfig, network: nn.Module, recorded: int | None = None) -> Threads:
    """Set the number of CPU threads and return it.

    The user's number is taken as given (``trainer.threads``, or ``OMP_NUM_THREADS`` in the environment). A resumed run
    takes the number that it began with, so that it ends with the same bits. Otherwise one training step is timed with
    torch's own choice, with half of it, and so on while that is faster; another process on the same cores can make many
    threads ten times slower than one. Weights, buffers and random state are left as they were.

    Args:
        settings: the complete configuration.
        network: takes images (B, channels, image_size, image_size).
        recorded: the number of an interrupted run that is resumed.
    """
    configured = settings.trainer.threads
    if configured:
        torch.set_num_threads(configured)
        return Threads(configured, "trainer.threads", {})
    if count_here(settings) > 1 and "OMP_NUM_THREADS" not in os.environ:  # the cores are shared
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
        step()  # memory is allocated, kernels are chosen
        number = most
        while number >= 1:
            torch.set_num_threads(number)
            seconds[number] = time_step(step, LONG, most=2)
            if len(seconds) > 1 and seconds[number] > min(seconds.values()):
                break
            number //= 2
    except Exception:  # a network that needs more than a batch to train is run as torch would
        seconds = {}
    best = min(seconds, key=seconds.__getitem__, default=most)
    if seconds and seconds[best] * LEAST_SPEEDUP > seconds[most]:
        best = most
    torch.set_num_threads(best)
    return Threads(best, "measured" if seconds else "torch", seconds)
