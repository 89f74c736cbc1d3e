"""Builds the loss that the configuration names, and tries it before any data are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fer_plugins.config import RunConfig, copy_plain, registry
from fer_plugins.config.schema import LossConfig
from fer_plugins.contract import MixesBatch, TargetMode
from fer_plugins.runtime.errors import InputError

_CLASSES = 7  # of the trial
_SKEWED = [100, *[10] * (_CLASSES - 1)]


def build_criterion(section: LossConfig, num_classes: int, class_counts: Sequence[int] | None) -> nn.Module:
    """Return the criterion of the ``loss`` section.

    Args:
        section: the loss and its options.
        num_classes: of the network.
        class_counts: training images per class; None where they are not known.

    Raises:
        InputError: no such loss, or it refuses its options.
    """
    criterion: nn.Module = registry.build(
        "loss", section.name, num_classes=num_classes, class_counts=class_counts, **copy_plain(section.options)
    )
    trained = [parameter for parameter, value in criterion.named_parameters() if value.requires_grad]
    if trained:
        raise registry.PluginError(
            f"{registry.find('loss', section.name)}: its parameter {trained[0]} would never be trained, since the "
            "optimiser moves the network alone; tell its author to make it a buffer"
        )
    return criterion


def check(config: RunConfig) -> None:
    """Build the loss and take it of a made-up batch; refuse that classes are balanced twice.

    Raises:
        InputError: it refuses its options or fails, or it and ``data.balance`` both make up for rare classes.
    """
    section, balance = config.loss, config.data.balance
    even = _try(section, [10] * _CLASSES)
    if balance != "none" and not torch.equal(even, _try(section, _SKEWED)):
        shown = ", ".join(f"{key} {value}" for key, value in section.as_dict().items())
        raise InputError(
            f"loss: {shown} weighs the classes by their training images, and data.balance {balance} evens these out: "
            "together they correct twice; leave one out"
        )


def check_target_mode(config: RunConfig, mode: TargetMode, augmentation: object) -> None:
    """Refuse what the targets of a dataset would pass over.

    Raises:
        InputError: another loss than the default one, or options of it, with targets of mode "any", which are trained
            against by a loss of their own; or an augmentation that mixes shares, and targets that have none.
    """
    if isinstance(augmentation, MixesBatch) and mode != "distribution":
        raise InputError(
            f"augmentation.name: {config.augmentation.name} mixes the shares of the classes, and targets of "
            f"mode {mode} have none to mix; take another augmentation, or another label mode of the dataset"
        )
    if mode != "any":
        return
    usual: dict[str, Any] = {"name": LossConfig().name}
    if config.loss.name == usual["name"]:
        usual |= {option.name: option.default for option in registry.options(registry.find("loss", config.loss.name))}
    for key, value in config.loss.as_dict().items():
        if key in usual and value != usual[key]:
            raise InputError(
                f"loss.{key}: has no meaning where any of several classes is right; set it to {usual[key]}"
            )


def _try(section: LossConfig, class_counts: list[int]) -> Tensor:
    """Return the losses of two rows of logits against labels and against shares."""
    with torch.random.fork_rng(devices=[]):
        criterion = build_criterion(section, _CLASSES, class_counts)
        logits = torch.linspace(-1, 1, 2 * _CLASSES).view(2, _CLASSES)
        labels = torch.tensor([0, _CLASSES - 1])
        shares = torch.full((2, _CLASSES), 1 / _CLASSES)
        try:
            with torch.no_grad():
                losses = [criterion(logits, target) for target in (labels, shares)]
            return torch.stack([loss.reshape(()) for loss in losses])
        except Exception as error:  # whatever the plug-in raises would end the run in its first step
            text = " ".join(str(error).split()) or type(error).__name__
            raise registry.PluginError(f"{registry.find('loss', section.name)}: fails on a batch: {text}") from error
