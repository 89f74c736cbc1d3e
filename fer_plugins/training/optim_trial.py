"""Tries the optimiser and the schedule of a configuration on a tiny network, before any data are read.

torch checks many arguments only when they are used (``foreach`` beside ``fused``, sparse gradients, a step size of 0).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from fer_plugins.config import RunConfig
from fer_plugins.runtime.errors import InputError
from fer_plugins.training import optim

_STEPS = 3  # of the optimiser: its second may use what the first has kept
_EPOCHS = 10_000  # of the schedule; 1,000 take 20 ms


def check(config: RunConfig) -> None:
    """Take some steps with the optimiser, and those of all epochs with the schedule.

    Raises:
        InputError: torch refuses an argument, or a step; or the rate of an epoch is no number or is negative.
    """
    section, epochs = config.optimizer, config.trainer.epochs
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))  # matrices and vectors: some optimisers take one kind
        optimizer = optim.build_optimizer(section, list(network.parameters()))
        schedule = optim.build_schedule(config.scheduler, optimizer, epochs, config.selection.mode)
        for epoch in range(min(epochs, _EPOCHS)):
            if epoch < _STEPS:
                _step(optimizer, network, section.name)
            if schedule is not None:
                _advance(schedule, config, epoch)
            for group in optimizer.param_groups:
                rate = float(group["lr"])
                if not math.isfinite(rate) or rate < 0:
                    name = config.scheduler.name
                    raise InputError(
                        f"scheduler: {name} makes the learning rate {rate} in epoch {epoch + 2}; change its arguments"
                    )


def _step(optimizer: torch.optim.Optimizer, network: nn.Module, name: str) -> None:
    def closure() -> float:
        optimizer.zero_grad()
        loss = F.mse_loss(network(torch.ones(1, 2)), torch.zeros(1, 2))
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    try:
        optimizer.step(closure)  # Lightning hands the training step over in the same way
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"optimizer: {name} fails in its first step: {text}; change its arguments") from None


def _advance(schedule: Any, config: RunConfig, epoch: int) -> None:
    try:
        if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            schedule.step(0.1 * epoch)
        else:
            schedule.step()
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        name = config.scheduler.name
        raise InputError(f"scheduler: {name} fails after epoch {epoch + 1}: {text}; change its arguments") from None
