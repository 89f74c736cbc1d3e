"""Builds the optimiser and the learning-rate schedule that the configuration names.

Optimisers and schedulers go by their torch names and take torch's own arguments; ``optim_trial`` tries them before
anything else is built, so that a wrong argument costs no waiting.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler

from fer_plugins.config import copy_plain
from fer_plugins.config.nearest import nearest
from fer_plugins.config.registry import PluginError
from fer_plugins.config.schema import OptimizerConfig, SchedulerConfig
from fer_plugins.contract import HasParameterGroups
from fer_plugins.runtime.errors import InputError

Schedule = lr_scheduler.LRScheduler


class InverseDecay:
    """Factor 1 / (1 + gamma * epoch) on the learning rate."""

    def __init__(self, gamma: float) -> None:
        if gamma < 0:
            raise ValueError(f"gamma must not be negative, got {gamma}")
        self.gamma = gamma

    def __call__(self, epoch: int) -> float:
        """Return the factor of ``epoch`` (from 0).

        >>> InverseDecay(0.01)(100)
        0.5
        """
        return 1.0 / (1.0 + self.gamma * epoch)


def build_optimizer(
    section: OptimizerConfig, parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]]
) -> torch.optim.Optimizer:
    """Return the optimiser of the ``optimizer`` section for ``parameters``, or groups with settings of their own.

    Raises:
        InputError: torch.optim has no such class, or it refuses an argument.
    """
    arguments, name = {"lr": section.lr, **copy_plain(section.options)}, section.name
    names = [key for key, value in vars(torch.optim).items() if _is_a(value, torch.optim.Optimizer)]
    if name not in names:
        raise InputError(
            f"optimizer.name: torch.optim has no {name!r}{nearest(name, names)}; known: {', '.join(names)}"
        )
    built: torch.optim.Optimizer = _call(getattr(torch.optim, name), list(parameters), arguments, "optimizer")
    return built


def parameter_groups(network: nn.Module) -> list[dict[str, Any]] | list[nn.Parameter]:
    """Return what the optimiser moves: the network's own groups where it has any, else all trainable parameters.

    Frozen parameters are left out, so that weight decay does not touch them.

    Raises:
        PluginError: the groups do not hold every trainable parameter exactly once.
        InputError: nothing is left to train.
    """
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not trainable:
        raise InputError("the network has no trainable parameter; is everything frozen?")
    if not isinstance(network, HasParameterGroups):
        return trainable
    groups = [{**group, "params": list(group["params"])} for group in network.parameter_groups()]
    listed = [parameter for group in groups for parameter in group["params"]]
    if len(listed) != len(trainable) or {id(parameter) for parameter in listed} != {
        id(parameter) for parameter in trainable
    }:
        raise PluginError(
            f"{type(network).__name__}.parameter_groups() must hold each of the {len(trainable)} trainable parameters "
            f"once, it holds {len(listed)} ({len(set(map(id, listed)))} different); tell the plug-in's author"
        )
    return groups


def build_schedule(
    section: SchedulerConfig, optimizer: torch.optim.Optimizer, epochs: int, mode: str
) -> Schedule | lr_scheduler.ReduceLROnPlateau | None:
    """Return the schedule of the ``scheduler`` section, stepped once an epoch; None without one.

    ``inverse_decay`` multiplies the rate by 1 / (1 + gamma * epoch). With ``warmup_epochs`` = W > 0 epoch e < W has
    the rate lr * (e + 1) / (W + 1), and the schedule begins after it. ``T_max`` and ``total_steps`` default to
    the epochs that remain.

    Args:
        section: of the configuration.
        optimizer: what it steers.
        epochs: of the whole training.
        mode: max or min, for ReduceLROnPlateau.

    Raises:
        InputError: torch.optim.lr_scheduler has no such class, it refuses an argument, or cannot follow a warm-up.
    """
    arguments, name, warmup = copy_plain(section.options), section.name, section.warmup_epochs
    main: Any = None
    if warmup >= epochs and warmup > 0:
        raise InputError(
            f"scheduler.warmup_epochs: {warmup} epochs of warm-up leave nothing of {epochs} epochs; give fewer"
        )
    if name == "inverse_decay":
        unknown = [key for key in arguments if key != "gamma"]
        if unknown:
            raise InputError(f"scheduler.{unknown[0]}: unknown argument of inverse_decay; known: gamma")
        try:
            factor = InverseDecay(float(arguments.get("gamma", 0.01)))
        except (TypeError, ValueError) as error:
            raise InputError(f"scheduler.gamma: {error}") from None
        main = lr_scheduler.LambdaLR(optimizer, factor)
    elif name != "none":
        kinds = (lr_scheduler.LRScheduler, lr_scheduler.ReduceLROnPlateau)
        names = [key for key, value in vars(lr_scheduler).items() if any(_is_a(value, kind) for kind in kinds)]
        names = [
            key
            for key in names
            if key[0] != "_" and key not in ("LRScheduler", "SequentialLR", "ChainedScheduler", "LambdaLR")
        ]
        if name not in names:
            known = ", ".join(["none", "inverse_decay", *names])
            raise InputError(f"scheduler.name: unknown {name!r}{nearest(name, names)}; known: {known}")
        made = getattr(lr_scheduler, name)
        takes = inspect.signature(made).parameters
        for key in ("T_max", "total_steps"):
            if key in takes and key not in arguments and not {"epochs", "steps_per_epoch"} & set(arguments):
                arguments[key] = epochs - warmup
        if name == "ReduceLROnPlateau":
            arguments.setdefault("mode", mode)
            if warmup:
                raise InputError("scheduler.warmup_epochs: ReduceLROnPlateau cannot follow a warm-up; set it to 0")
        main = _call(made, optimizer, arguments, "scheduler")
    elif arguments:
        raise InputError(f"scheduler.{next(iter(arguments))}: there is no scheduler; set scheduler.name")
    if not warmup:
        return main  # type: ignore[no-any-return]
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), end_factor=1.0, total_iters=warmup)
    if main is None:
        return rise
    return lr_scheduler.SequentialLR(optimizer, [rise, main], milestones=[warmup])


def _is_a(value: Any, kind: type) -> bool:
    return inspect.isclass(value) and issubclass(value, kind) and value is not kind


def _call(made: Any, first: Any, arguments: dict[str, Any], section: str) -> Any:
    known = [name for name in inspect.signature(made).parameters if name not in ("self", "params", "optimizer")]
    for name in arguments:
        if name not in known:
            raise InputError(
                f"{section}.{name}: unknown argument of {made.__name__}{nearest(name, known)}; "
                f"known: {', '.join(known)}"
            )
    try:
        return made(first, **arguments)
    except Exception as error:  # torch raises whatever its arithmetic on the arguments raises
        text = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{section}: {made.__name__} refuses its arguments: {text}") from None
