"""A linear layer with its own learning rate, for the wide input of FC300."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SlowLinear(nn.Linear):
    """y = W (step x) + b, (..., in_features) -> (..., out_features); the initial W is that of ``nn.Linear`` / step.

    The layer starts as the same function as ``nn.Linear``, but an Adam update of W, whose size is the learning rate
    whatever the gradient, changes y only ``step`` times as much. With 32,768 inputs that all have the same sign at
    first, Adam with 1e-3 changes the sum by about ten per step, far into the saturation of the PCP (where its gradient
    is 0) or into the zero half of a ReLU.

    Args:
        in_features: number of inputs.
        out_features: number of outputs.
        step: factor on the learning rate, above 0; 1 is ``nn.Linear``.
    """

    def __init__(self, in_features: int, out_features: int, step: float) -> None:
        super().__init__(in_features, out_features)
        self.step = step
        with torch.no_grad():
            self.weight.div_(step)

    def forward(self, input: Tensor) -> Tensor:
        """Return y for ``input`` x."""
        return F.linear(self.step * input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes and the step, for ``print(network)``."""
        return f"{super().extra_repr()}, step={self.step:g}"
