"""A linear layer with a learning rate of its own, for the wide input of FC300."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SlowLinear(nn.Linear):
    """y = W (step x) + b, (..., in_features) -> (..., out_features); the initial W is that of ``nn.Linear`` / step.

    The layer starts as the same function as ``nn.Linear``, but an update of W by Adam, whose size is the learning rate
    whatever the gradient, moves y by only ``step`` times as much. With 32,768 inputs that all point the same way at
    first, Adam with 1e-3 moves a sum by about ten at each step, far beyond the saturation of the PCP (and its gradient)
    or into the dead half of a ReLU.

    Args:
        in_features: inputs.
        out_features: outputs.
        step: share of the learning rate, above 0; 1 is ``nn.Linear``.
    """

    def __init__(self, in_features: int, out_features: int, step: float) -> None:
        super().__init__(in_features, out_features)
        self.step = step
        with torch.no_grad():
            self.weight.div_(step)

    def forward(self, input: Tensor) -> Tensor:
        """Return y of ``input`` x."""
        return F.linear(self.step * input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Name the step beside the sizes."""
        return f"{super().extra_repr()}, step={self.step:g}"
