"""Max and average pooling with error messages that name a remedy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fer_plugins.contract import ImageSizeError

LARGER = "use larger images (image_size)"


def max_pool(kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False) -> nn.Module:
    """Build max pooling: (B, C, H, W) -> (B, C, H', W'), H' = floor((H + 2 padding - kernel_size) / stride) + 1.

    Args:
        kernel_size: side of the window in pixels, at least 1; set by the architecture.
        stride: step of the window in pixels; None for ``kernel_size``; set by the architecture.
        padding: pixels of minus infinity added on each side, at most half of ``kernel_size``.
        ceil_mode: round the output size up instead of down, so that no row at the end is dropped.

    Raises:
        ValueError: A number is out of range; in the forward pass, if a map is smaller than the window.
    """
    stride = check_window("max", kernel_size, stride, padding)
    return _MaxPool(kernel_size, stride, padding, ceil_mode=ceil_mode)


def average_pool(kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False) -> nn.Module:
    """Build average pooling, with sizes as in `max_pool`; padding is excluded, so that a constant map stays constant.

    Args:
        kernel_size: side of the window in pixels, at least 1; set by the architecture.
        stride: step of the window in pixels; None for ``kernel_size``; set by the architecture.
        padding: pixels added on each side and excluded from the mean, at most half of ``kernel_size``.
        ceil_mode: round the output size up instead of down, so that no row at the end is dropped.

    Raises:
        ValueError: A number is out of range; in the forward pass, if a map is smaller than the window.
    """
    stride = check_window("average", kernel_size, stride, padding)
    return _AveragePool(kernel_size, stride, padding, ceil_mode=ceil_mode, count_include_pad=False)


class _MaxPool(nn.MaxPool2d):
    def forward(self, input: Tensor) -> Tensor:
        _check_fits("max", self, input)
        pooled: Tensor = super().forward(input)
        return pooled


class _AveragePool(nn.AvgPool2d):
    def forward(self, input: Tensor) -> Tensor:
        _check_fits("average", self, input)
        pooled: Tensor = super().forward(input)
        return pooled


def check_window(name: str, kernel_size: int, stride: int | None, padding: int = 0) -> int:
    """Check the arguments of a window pooling and return its stride.

    Raises:
        ValueError: A number is out of range.
    """
    stride = kernel_size if stride is None else stride
    if min(kernel_size, stride) < 1:
        raise ValueError(f"{name}: kernel_size {kernel_size} and stride {stride} must be at least 1")
    if not 0 <= padding <= kernel_size // 2:
        raise ValueError(f"{name}: padding {padding} must be 0 to {kernel_size // 2}, half of kernel_size")
    return stride


def _check_fits(name: str, pool: nn.MaxPool2d | nn.AvgPool2d, x: Tensor) -> None:
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return  # sizes are tensors when tracing; the traced program has a single size, which was checked before
    height, width = x.shape[-2:]
    side, padding = int(pool.kernel_size), int(pool.padding)  # type: ignore[arg-type]  # an int, as set above
    if not pool.ceil_mode and min(height, width) + 2 * padding < side:
        raise ImageSizeError(
            f"{name}: a map of {height}x{width} pixels is too small for the {side}x{side} window; {LARGER}"
        )
