"""The training loss: built from the configuration, tried on a batch, applied to soft labels, checked to be finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer_plugins.config import RunConfig, copy_plain, registry
from fer_plugins.config.schema import LossConfig
from fer_plugins.contract import MixesBatch, TargetMode
from fer_plugins.runtime.errors import InputError, RunError, one_line

STEPS_BETWEEN_CHECKS = 64  # on an accelerator, where reading the loss waits until the queue is empty
_CLASSES = 7  # number of classes in the trial
_SKEWED = [100, *[10] * (_CLASSES - 1)]


def build_criterion(section: LossConfig, num_classes: int, class_counts: Sequence[int] | None) -> nn.Module:
    """Build the loss of the ``loss`` section.

    Args:
        section: the loss and its options.
        num_classes: number of classes of the network.
        class_counts: number of training images per class; None if unknown.

    Raises:
        InputError: the loss does not exist, or rejects its options.
        PluginError: the loss has trainable parameters, which the optimiser would not update.
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
    """Build the loss and compute it on a made-up batch; reject correcting for class imbalance twice.

    Raises:
        InputError: the loss rejects its options or fails, or both it and ``data.balance`` correct for class imbalance.
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
    """Reject settings that the dataset's type of targets would ignore.

    Raises:
        InputError: another loss than the default, or options of it, with targets of mode "any", which have their own
            loss; or an augmentation that mixes the targets of images, unless the mode is "distribution".
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
    """Return the losses (2,) on two rows of logits, for hard labels and for class distributions."""
    with torch.random.fork_rng(devices=[]):
        criterion = build_criterion(section, _CLASSES, class_counts)
        logits = torch.linspace(-1, 1, 2 * _CLASSES).view(2, _CLASSES)
        labels = torch.tensor([0, _CLASSES - 1])
        shares = torch.full((2, _CLASSES), 1 / _CLASSES)
        try:
            with torch.no_grad():
                losses = [criterion(logits, target) for target in (labels, shares)]
            return torch.stack([loss.reshape(()) for loss in losses])
        except Exception as error:  # any exception of the plug-in would otherwise end the run in its first step
            text = one_line(error)
            raise registry.PluginError(f"{registry.find('loss', section.name)}: fails on a batch: {text}") from error


class SoftTargets:
    """The loss for a distribution over classes instead of one label, as Barsoum et al. 2016 train on FER+.

    The mode is one of:

    - distribution: the run's loss, with the distribution as target;
    - draw: the run's loss, with a label that is sampled from the distribution at each step;
    - any: -log of the largest predicted probability among the classes with a target above 0.

    Args:
        shares: (N, K), the target distribution of each row of the sample table; rows sum to 1.
        mode: "distribution", "draw" or "any".

    Raises:
        PluginError: the mode is unknown, or a row has negative values or does not sum to 1.
    """

    def __init__(self, shares: npt.NDArray[np.float64], mode: TargetMode) -> None:
        if mode not in get_args(TargetMode):
            raise registry.PluginError(
                f"target_mode is {mode!r}; known: {', '.join(get_args(TargetMode))}; tell its author"
            )
        if not np.allclose(shares.sum(1), 1) or (shares < 0).any():
            raise registry.PluginError(
                "the column 'target' has rows that are not shares summing to 1; tell the dataset's author"
            )
        self.mode = mode
        self._shares = torch.from_numpy(shares.astype(np.float32))

    def loss(self, criterion: nn.Module, logits: Tensor, index: Tensor) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            criterion: the run's loss, which accepts labels and distributions.
            logits: (B, K).
            index: (B,) int64, rows of the table.
        """
        if self._shares.device != logits.device:
            self._shares = self._shares.to(logits.device)
        shares = self._shares[index.to(logits.device)]
        if self.mode == "draw":
            shares = torch.multinomial(shares, 1)[:, 0]
        elif self.mode == "distribution":
            shares = shares.to(logits.dtype)
        else:
            penalty = -nn.functional.log_softmax(logits, 1)
            return penalty.masked_fill(shares == 0, torch.inf).amin(1).mean()
        loss: Tensor = criterion(logits, shares)
        return loss


class FiniteLoss:
    """Stops the training if the loss is not finite: immediately on a CPU, some steps later on an accelerator.

    A late check wastes steps but never a checkpoint: ``check`` is called before the epoch's weights are scored.

    Args:
        device: the device that computes the loss.
        every: number of steps between two checks; None: 1 on a CPU, 64 otherwise.
    """

    def __init__(self, device: torch.device, every: int | None = None) -> None:
        self._every = every or (1 if device.type == "cpu" else STEPS_BETWEEN_CHECKS)
        self._first: Tensor | None = None  # on the device: number of the first step with a non-finite loss; inf: none

    def note(self, loss: Tensor, epoch: int, step: int) -> None:
        """Record the loss of a step; epoch and step count from 0.

        Raises:
                RunError: this loss, or one since the last check, is not finite.
        """
        if self._every == 1:
            if not math.isfinite(loss):
                raise _error(str(float(loss)), epoch, step)
            return
        if self._first is None:
            self._first = loss.new_full((), math.inf, dtype=torch.float32)
        number = torch.full_like(self._first, float(step))
        self._first = torch.where(torch.isfinite(loss) | torch.isfinite(self._first), self._first, number)
        if (step + 1) % self._every == 0:
            self.check(epoch)

    def check(self, epoch: int) -> None:
        """Check the losses since the start of the epoch.

        Raises:
            RunError: one of them is not finite.
        """
        first = math.inf if self._first is None else float(self._first)
        if math.isfinite(first):
            raise _error("not finite", epoch, int(first))


def _error(loss: str, epoch: int, step: int) -> RunError:
    return RunError(
        f"the loss is {loss} at epoch {epoch + 1}, step {step + 1}; the checkpoint of the last complete epoch, "
        "if any, is kept. Lower optimizer.lr or set trainer.gradient_clip_norm"
    )
