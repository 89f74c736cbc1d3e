"""Knowledge distillation from a frozen teacher (Algorithm 3, steps 6 to 8), separate from the student network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Distillation:
    """Run the teacher on the student's input and return alpha T^2 KL(softmax(t / T) || softmax(s / T)).

    The paper defines neither its loss Dn nor the temperature; assumed: Hinton's form. This is not a module, so that the
    teacher is not part of the student's parameters, state dict and training mode.

    Args:
        teacher: network with the student's input and output; it is frozen and set to eval mode here.
        alpha: weight of this term in the training loss, in [0, 1]; the criterion has weight 1 - alpha.
        temperature: temperature T > 0.

    Raises:
        ValueError: ``alpha`` or ``temperature`` is out of range.
    """

    def __init__(self, teacher: nn.Module | None, alpha: float = 0.7, temperature: float = 4.0) -> None:
        if not 0 <= alpha <= 1:
            raise ValueError(f"kd_alpha={alpha}: give a share from 0 to 1")
        if not temperature > 0:
            raise ValueError(f"kd_temperature={temperature}: give a number above 0")
        self.teacher, self.alpha, self.temperature = teacher, float(alpha), float(temperature)
        self._last: tuple[Tensor, Tensor] | None = None
        if teacher is not None:
            teacher.eval().requires_grad_(False)

    def observe(self, x: Tensor, logits: Tensor) -> None:
        """Store the student's logits (B, K) and compute the teacher's for the same images (B, C, S, S).

        Raises:
            ValueError: the teacher has another number of classes.
        """
        if self.teacher is None:
            return
        parameter = next(self.teacher.parameters(), None)
        if parameter is not None and parameter.device != x.device:
            self.teacher.to(x.device)
        if self.teacher.training:
            self.teacher.eval()
        with torch.no_grad():
            target = self.teacher(x)
        if target.shape != logits.shape:
            raise ValueError(
                f"teacher: it tells {target.shape[-1]} classes apart, this network {logits.shape[-1]}; "
                "use a teacher trained on the same classes"
            )
        self._last = target, logits

    def loss(self) -> Tensor:
        """Return the term for the last observed batch, averaged over its images.

        Raises:
            RuntimeError: no batch has been observed yet.
        """
        if self._last is None:
            raise RuntimeError("auxiliary_loss() before the first forward pass in training mode")
        target, logits = (z.float() / self.temperature for z in self._last)
        divergence = F.kl_div(logits.log_softmax(1), target.log_softmax(1), reduction="batchmean", log_target=True)
        return self.alpha * self.temperature**2 * divergence

    def __getstate__(self) -> dict[str, Any]:
        """Exclude the last batch: its graph can be neither copied nor pickled."""
        return {**self.__dict__, "_last": None}
