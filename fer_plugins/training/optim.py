"""Builds the optimiser and learning-rate schedule of a configuration, and tries them before any data are read.

Both are selected by their torch names and take torch's arguments. The trial is needed because torch checks many
arguments only when they are used (``foreach`` together with ``fused``, sparse gradients, a step size of 0).
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from fer_plugins.config import RunConfig, copy_plain
from fer_plugins.config.nearest import nearest
from fer_plugins.config.registry import PluginError
from fer_plugins.config.schema import OptimizerConfig, SchedulerConfig
from fer_plugins.contract import HasParameterGroups
from fer_plugins.runtime.errors import InputError, one_line

Schedule = lr_scheduler.LRScheduler
_ABSTRACT = ("LRScheduler", "SequentialLR", "ChainedScheduler", "LambdaLR")  # cannot be built from plain arguments
_TRIAL_STEPS = 3  # of the optimiser: the second step may use the state of the first
_TRIAL_EPOCHS = 10_000  # of the schedule; 1,000 take 20 ms


class InverseDecay:
    """Factor 1 / (1 + gamma * epoch) on the learning rate, with gamma at least 0.

    >>> InverseDecay(0.01)(100)
    0.5
    """

    def __init__(self, gamma: float) -> None:
        if gamma < 0:
            raise ValueError(f"gamma must not be negative, got {gamma}")
        self.gamma = gamma

    def __call__(self, epoch: int) -> float:
        """Return the factor for an epoch, counted from 0."""
        return 1.0 / (1.0 + self.gamma * epoch)


def build_optimizer(
    section: OptimizerConfig, parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]]
) -> torch.optim.Optimizer:
    """Build the optimiser of the ``optimizer`` section for ``parameters``, or for groups with their own settings.

    Raises:
        InputError: torch.optim has no such class, or it rejects an argument.
    """
    arguments, name = {"lr": section.lr, **copy_plain(section.options)}, section.name
    base = torch.optim.Optimizer
    names = [
        key
        for key, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    ]
    if name not in names:
        raise InputError(
            f"optimizer.name: torch.optim has no {name!r}{nearest(name, names)}; known: {', '.join(names)}"
        )
    built: torch.optim.Optimizer = _call(getattr(torch.optim, name), list(parameters), arguments, "optimizer")
    return built


def parameter_groups(network: nn.Module) -> list[dict[str, Any]] | list[nn.Parameter]:
    """Return the parameters to optimise: the network's own groups if it defines any, otherwise all trainable ones.

    Frozen parameters are left out, so that weight decay does not affect them.

    Raises:
        PluginError: the groups do not contain every trainable parameter exactly once.
        InputError: the network has no trainable parameters.
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
    """Build the schedule of the ``scheduler`` section, stepped once per epoch; return None if there is none.

    ``inverse_decay`` multiplies the rate by 1 / (1 + gamma * epoch). With ``warmup_epochs`` = W > 0, epoch e < W has
    the rate lr * (e + 1) / (W + 1), and the schedule starts after the warm-up. ``T_max`` and ``total_steps`` default to
    the number of remaining epochs.

    Args:
        section: the ``scheduler`` section of the configuration.
        optimizer: the optimiser whose learning rate is scheduled.
        epochs: number of epochs of the whole training.
        mode: max or min, for ReduceLROnPlateau.

    Raises:
        InputError: torch.optim.lr_scheduler has no such class, it rejects an argument, or cannot follow a warm-up.
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
            main = lr_scheduler.LambdaLR(optimizer, InverseDecay(float(arguments.get("gamma", 0.01))))
        except (TypeError, ValueError) as error:
            raise InputError(f"scheduler.gamma: {error}") from None
    elif name != "none":
        classes = {key: value for key, value in vars(lr_scheduler).items() if inspect.isclass(value)}
        names = [
            key
            for key, value in classes.items()
            if issubclass(value, lr_scheduler.LRScheduler) and key[0] != "_" and key not in _ABSTRACT
        ]
        if name not in names:
            listed = ", ".join(["none", "inverse_decay", *names])
            raise InputError(f"scheduler.name: unknown {name!r}{nearest(name, names)}; known: {listed}")
        factory = classes[name]
        takes = inspect.signature(factory).parameters
        for key in ("T_max", "total_steps"):
            if key in takes and key not in arguments and not {"epochs", "steps_per_epoch"} & set(arguments):
                arguments[key] = epochs - warmup
        if name == "ReduceLROnPlateau":
            arguments.setdefault("mode", mode)
            if warmup:
                raise InputError("scheduler.warmup_epochs: ReduceLROnPlateau cannot follow a warm-up; set it to 0")
        main = _call(factory, optimizer, arguments, "scheduler")
    elif arguments:
        raise InputError(f"scheduler.{next(iter(arguments))}: there is no scheduler; set scheduler.name")
    if not warmup:
        return main  # type: ignore[no-any-return]
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), end_factor=1.0, total_iters=warmup)
    if main is None:
        return rise
    return lr_scheduler.SequentialLR(optimizer, [rise, main], milestones=[warmup])


def _call(factory: Any, first: Any, arguments: dict[str, Any], section: str) -> Any:
    parameters = [name for name in inspect.signature(factory).parameters if name not in ("self", "params", "optimizer")]
    for name in arguments:
        if name not in parameters:
            raise InputError(
                f"{section}.{name}: unknown argument of {factory.__name__}{nearest(name, parameters)}; "
                f"known: {', '.join(parameters)}"
            )
    try:
        return factory(first, **arguments)
    except Exception as error:  # torch may raise any exception, depending on how it uses the arguments
        raise InputError(f"{section}: {factory.__name__} refuses its arguments: {one_line(error)}") from None


def check(config: RunConfig) -> None:
    """Take a few steps with the optimiser, and step the schedule through all epochs (at most 10,000).

    Raises:
        InputError: torch rejects an argument or fails in a step, or a learning rate is not finite or negative.
    """
    section, epochs = config.optimizer, config.trainer.epochs
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))  # matrices and vectors: some optimisers take only one
        optimizer = build_optimizer(section, list(network.parameters()))
        schedule = build_schedule(config.scheduler, optimizer, epochs, config.selection.mode)
        for epoch in range(min(epochs, _TRIAL_EPOCHS)):
            if epoch < _TRIAL_STEPS:
                _step(optimizer, network, section.name)
            if schedule is not None:
                _advance(schedule, config.scheduler.name, epoch)
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
        optimizer.step(closure)  # Lightning also passes the training step as a closure
    except Exception as error:
        raise InputError(
            f"optimizer: {name} fails in its first step: {one_line(error)}; change its arguments"
        ) from None


def _advance(schedule: Any, name: str, epoch: int) -> None:
    try:
        if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
            schedule.step(0.1 * epoch)
        else:
            schedule.step()
    except Exception as error:
        raise InputError(
            f"scheduler: {name} fails after epoch {epoch + 1}: {one_line(error)}; change its arguments"
        ) from None
