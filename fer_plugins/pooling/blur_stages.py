"""The stages of MaxBlurPool: a max over windows, a fixed low-pass filter, and the padding of both."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_plugins.contract import ImageSizeError
from fer_plugins.pooling.plain import LARGER

FILL_MODES = {"zero": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class MaxBlurPool(nn.Module):
    """Applies its stages in order; has no parameters and no entries in the state dict."""

    def __init__(self, *stages: nn.Module, name: str = "max_blur") -> None:
        super().__init__()
        self.name = name
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        """Pool (B, C, H, W) to (B, C, H', W'), in the dtype and memory format of ``x``."""
        height, width = x.shape[-2:]
        contiguous = x.is_contiguous()
        if x.device.type == "cpu":  # max pooling of stride 1 is several times faster in this format
            x = x.contiguous(memory_format=torch.channels_last)
        prefix = f"{self.name}: a map of {height}x{width} pixels is too small"
        for stage in self.stages:
            x = stage(x, prefix)
        return x.contiguous() if contiguous else x


class SpreadMax(nn.Module):
    """Max over windows of ``size`` pixels, moved by ``stride`` pixels; stride 1 for the max before a blur."""

    def __init__(self, size: int, stride: int, padding: str) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, x: Tensor, prefix: str) -> Tensor:
        """Apply the stage to (B, C, H, W); ``prefix`` starts the error message if the map is too small."""
        height, width = x.shape[-2:]
        if self.padding == "same":
            pads = _paddings("tf_same", height, width, self.size, self.stride)
            x = F.pad(x, pads, value=-math.inf) if any(pads) else x
        elif min(height, width) < self.size:
            raise ImageSizeError(f"{prefix} for the valid {self.size}x{self.size} max; {LARGER} or max_padding same")
        return x if self.size == self.stride == 1 else F.max_pool2d(x, self.size, self.stride)

    def extra_repr(self) -> str:
        """Return the settings shown by ``print``."""
        return f"size={self.size}, stride={self.stride}, padding={self.padding}"


class Blur(nn.Module):
    """Applies the same fixed k x k low-pass filter to every channel and keeps every ``stride``-th pixel."""

    kernel: Tensor

    def __init__(self, taps: tuple[float, ...], stride: int, geometry: str, fill: str) -> None:
        super().__init__()
        self.size, self.stride, self.geometry, self.fill = len(taps), stride, geometry, fill
        self.taps = taps
        row = torch.tensor(taps, dtype=torch.float32)
        # Not scaled: the integers of the kernel families are exact in every dtype, so float64 maps get float64 weights.
        self.register_buffer("kernel", torch.outer(row, row)[None, None], persistent=False)
        self.scale = 1 / float(self.kernel.double().sum())

    def forward(self, x: Tensor, prefix: str) -> Tensor:
        """Apply the stage to (B, C, H, W); ``prefix`` starts the error message if the map is too small."""
        height, width = x.shape[-2:]
        pads = _paddings(self.geometry, height, width, self.size, self.stride)
        fits = {"reflect": max(pads[2:]) < height and max(pads[:2]) < width}
        fits["circular"] = max(pads[2:]) <= height and max(pads[:2]) <= width
        if not fits.get(self.fill, True):
            raise ImageSizeError(f"{prefix} for {self.fill} padding of {max(pads)}; {LARGER} or pad_fill replicate")
        if min(height + sum(pads[2:]), width + sum(pads[:2])) < self.size:
            raise ImageSizeError(f"{prefix} for the {self.size}x{self.size} blur; {LARGER} or pad_geometry tf_same")
        if any(pads):
            x = F.pad(x, pads, mode=FILL_MODES[self.fill])
        weight = (self.kernel.to(x.dtype) * self.scale).expand(x.shape[1], 1, self.size, self.size)
        return F.conv2d(x, weight, stride=self.stride, groups=x.shape[1])

    def extra_repr(self) -> str:
        """Return the settings shown by ``print``."""
        taps = ", ".join(f"{tap:g}" for tap in self.taps)
        return f"[{taps}], stride={self.stride}, geometry={self.geometry}, fill={self.fill}"


def _paddings(geometry: str, height: int, width: int, size: int, stride: int) -> tuple[int, int, int, int]:
    """Return the pixels to add on the left, right, top and bottom, in the order of ``F.pad``."""

    def before_and_after(n: int) -> tuple[int, int]:
        if geometry == "kornia":
            return (size - 1) // 2, (size - 1) // 2
        total = {"none": 0, "zhang": size - 1, "tf_same": max((-(-n // stride) - 1) * stride + size - n, 0)}[geometry]
        return total // 2, total - total // 2

    return *before_and_after(width), *before_and_after(height)
