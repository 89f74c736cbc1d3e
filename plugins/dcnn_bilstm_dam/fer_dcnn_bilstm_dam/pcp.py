"""The piecewise cubic polynomial (PCP): the paper's substitute for tanh, sigmoid and ReLU.

The paper gives no formula. assumed: an odd function of two cubics per side, twice continuously differentiable, with
f''(0) = 0, that reaches its saturation level at the outer knot; inner knot, outer knot and level are free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class PCP(nn.Module):
    """f(x) = s x - k x^3 up to the inner knot, a second cubic up to the outer knot, constant beyond; odd.

    With the knots a, b, the level c, u = x clamped to [-b, b] and d = u - (u clamped to [-a, a])::

        f(x) = s u - k u^3 + (k + m) d^3 + leak x
        s = 3c / (a+b),  k = c / (a b (a+b)),  m = c / ((b-a) b (a+b))

    which is c - m (b - x)^3 for a <= x <= b. The default knots give f'(0) = 1 and |f - tanh| <= 0.0305.

    Args:
        knots: inner knot a, outer knot b, level c; 0 < a < b, c > 0. (0.3, 2.7, 1) is nearer to tanh (0.0185).
        leak: slope added everywhere, >= 0; with 0 the gradient beyond the outer knot is exactly 0.

    Raises:
        ValueError: knots or leak out of range.
    """

    def __init__(self, knots: Sequence[float] = (0.5, 2.5, 1.0), leak: float = 0.0) -> None:
        super().__init__()
        if len(knots) != 3 or not 0 < knots[0] < knots[1] or not knots[2] > 0:
            raise ValueError(f"pcp_knots={list(knots)}: give inner, outer, level with 0 < inner < outer and level > 0")
        if not leak >= 0:
            raise ValueError(f"pcp_leak={leak}: give a slope of 0 or more")
        self.inner, self.outer, self.level = (float(knot) for knot in knots)
        self.leak = float(leak)
        width = self.outer * (self.inner + self.outer)
        self.slope = 3 * self.level / (self.inner + self.outer)
        self.cubic = self.level / (self.inner * width)
        self.bend = self.cubic + self.level / ((self.outer - self.inner) * width)

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x), with the shape and dtype of ``x``."""
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x  # the cubics cancel: 8 bits too coarse
        if wide.requires_grad and torch.is_grad_enabled() and not _is_traced():
            y: Tensor = _FusedPCP.apply(wide, self)
        else:
            y = self.curve(wide)
        return y.to(x.dtype)

    def curve(self, x: Tensor) -> Tensor:
        """Return f(x) in plain operations without a branch, so that autograd is exact at 0 and at the knots."""
        u = x.clamp(-self.outer, self.outer)
        d = nn.functional.softshrink(u, self.inner)
        y = u * (self.slope - self.cubic * u * u) + self.bend * d * d * d
        return y + self.leak * x if self.leak else y

    def derivative(self, x: Tensor) -> Tensor:
        """Return f'(x) in plain operations."""
        u = x.clamp(-self.outer, self.outer)
        d = nn.functional.softshrink(u, self.inner)
        slope = self.slope - 3 * self.cubic * u * u + 3 * self.bend * d * d
        # Beyond the outer knot the sum leaves a rounding error, but the slope is exactly 0.
        return torch.where(x.abs() < self.outer, slope, 0.0) + self.leak

    def extra_repr(self) -> str:
        """Return knots, level and leak, for ``print(network)``."""
        return f"inner={self.inner:g}, outer={self.outer:g}, level={self.level:g}, leak={self.leak:g}"


class PCP01(nn.Module):
    """The gate (1 + f(x/2) / c) / 2, from 0 to 1: replaces the sigmoid, differs by at most 0.0153 by default.

    Args:
        knots: as in ``PCP``; there is no leak, since with one the gate would leave [0, 1].
    """

    def __init__(self, knots: Sequence[float] = (0.5, 2.5, 1.0)) -> None:
        super().__init__()
        self.pcp = PCP(knots)

    def forward(self, x: Tensor) -> Tensor:
        """Return the gate, with the shape and dtype of ``x``."""
        return 0.5 + (0.5 / self.pcp.level) * self.pcp(0.5 * x)


def _is_traced() -> bool:
    return torch.jit.is_tracing() or torch.compiler.is_compiling()  # plain operations instead of the function below


class _FusedPCP(torch.autograd.Function):
    """The same curve for training: saves only ``x`` and works in place, half the memory traffic of plain autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pcp: PCP) -> Tensor:
        ctx.save_for_backward(x)
        ctx.pcp = pcp
        u = x.clamp(-pcp.outer, pcp.outer)
        y = torch.addcmul(x.new_full((), pcp.slope), u, u, value=-pcp.cubic).mul_(u)
        d = nn.functional.softshrink(u, pcp.inner)
        torch.mul(d, d, out=u)
        y.addcmul_(u, d, value=pcp.bend)
        return y.add_(x, alpha=pcp.leak) if pcp.leak else y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        pcp = ctx.pcp
        if torch.is_grad_enabled():  # a graph of the gradient is requested: nothing in place
            return grad * pcp.derivative(x), None
        u = x.clamp(-pcp.outer, pcp.outer)
        slope = torch.addcmul(x.new_full((), pcp.slope), u, u, value=-3 * pcp.cubic)
        d = nn.functional.softshrink(u, pcp.inner)
        slope.addcmul_(d, d, value=3 * pcp.bend).mul_(grad)
        slope = torch.ops.aten.hardtanh_backward(slope, x, -pcp.outer, pcp.outer)  # 0 beyond the outer knot
        return slope.add_(grad, alpha=pcp.leak) if pcp.leak else slope, None
