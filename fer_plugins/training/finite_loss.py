"""Ends a training whose loss is no longer finite, without waiting for the device in every step."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fer_plugins.runtime.errors import RunError

STEPS_BETWEEN_LOOKS = 64  # on an accelerator, whose queue runs empty while its answer is waited for


class FiniteLoss:
    """The first step of an epoch whose loss is not finite: found at once on a CPU, on an accelerator some steps later.

    A look that comes late costs steps, but no checkpoint: ``check`` is called before the epoch's weights are scored.

    Args:
        device: that computes the loss.
        every: steps between two looks; None: 1 on a CPU, 64 elsewhere.
    """

    def __init__(self, device: torch.device, every: int | None = None) -> None:
        self._every = every or (1 if device.type == "cpu" else STEPS_BETWEEN_LOOKS)
        self._first: Tensor | None = None  # number of that step, on the device; infinite: there is none

    def note(self, loss: Tensor, epoch: int, step: int) -> None:
        """Take the loss of a step, both counted from 0.

        Raises:
            RunError: this loss, or one since the last look, is not finite.
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
        """Look.

        Raises:
            RunError: a loss was not finite.
        """
        first = math.inf if self._first is None else float(self._first)
        if math.isfinite(first):
            raise _error("not finite", epoch, int(first))


def _error(loss: str, epoch: int, step: int) -> RunError:
    return RunError(
        f"the loss is {loss} at epoch {epoch + 1}, step {step + 1}; the checkpoint of the last whole epoch is kept. "
        "Lower optimizer.lr or set trainer.gradient_clip_norm"
    )
