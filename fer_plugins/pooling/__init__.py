"""The window poolings of the core: max, average, and max with an anti-aliasing blur (MaxBlurPool)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# 1-D taps of the AA-DCN paper. Its four taps are no row of Pascal's triangle, which would be 1, 3, 3, 1.
_PAPER_TAPS = {1: (1,), 2: (2, 2), 3: (1, 2, 1), 4: (1, 4, 4, 1), 5: (1, 4, 6, 4, 1)}
_FILL_MODES = {"zero": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
_CHOICES = {
    "max_padding": ("same", "valid"),
    "kernel_family": ("paper", "binomial", "box"),
    "pad_geometry": ("tf_same", "zhang", "kornia", "none"),
    "pad_fill": tuple(_FILL_MODES),
    "order": ("max_blur", "blur_max"),
}


_LARGER = "use larger images (image_size)"


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """Options of `max_blur_pool` under their names there; the defaults are the preset ``paper_text``."""

    max_size: int | None = 4  # None: the architecture's kernel_size
    max_padding: str = "same"
    blur_size: int = 2
    kernel_family: str = "paper"
    blur_stride: int | None = None  # None: the architecture's stride
    pad_geometry: str = "tf_same"
    pad_fill: str = "zero"
    order: str = "max_blur"
    second_blur_size: int = 0


_BINOMIAL = _Settings(max_size=None, max_padding="valid", blur_size=3, kernel_family="binomial")
_PRESETS = {
    "paper_text": _Settings(),
    "paper_kernel4": _Settings(max_size=2, blur_size=4),
    "paper_both4": _Settings(blur_size=4),
    "paper_literal_stride": _Settings(blur_stride=4),
    "paper_stacked": _Settings(max_size=2, blur_size=4, second_blur_size=2),
    "paper_step2": _Settings(max_size=2, max_padding="valid", blur_size=4, order="blur_max"),
    # assumed: blur 3. The published default, 4, does not fit the 2x2 map of AA-DCN's third pooling at 48 pixels.
    "zhang": replace(_BINOMIAL, pad_geometry="zhang", pad_fill="reflect"),
    "kornia": replace(_BINOMIAL, pad_geometry="kornia"),
}


def max_pool(kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False) -> nn.Module:
    """Return max pooling: (B, C, H, W) -> (B, C, H', W'), H' = floor((H + 2 padding - kernel_size) / stride) + 1.

    Args:
        kernel_size: side of the window in pixels, at least 1; given by the architecture.
        stride: step of the window in pixels; None is ``kernel_size``; given by the architecture.
        padding: pixels of minus infinity added on each side, at most half of ``kernel_size``.
        ceil_mode: round the output size up, not down, so that no row at the end is left out.

    Raises:
        ValueError: a number out of range; in the forward pass, a map smaller than the window.
    """
    stride = _check_window("max", kernel_size, stride, padding)
    return _MaxPool(kernel_size, stride, padding, ceil_mode=ceil_mode)


def average_pool(kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False) -> nn.Module:
    """Return average pooling, sizes as in `max_pool`; padded pixels are not counted, so a constant stays constant.

    Args:
        kernel_size: side of the window in pixels, at least 1; given by the architecture.
        stride: step of the window in pixels; None is ``kernel_size``; given by the architecture.
        padding: pixels added on each side and left out of the mean, at most half of ``kernel_size``.
        ceil_mode: round the output size up, not down, so that no row at the end is left out.

    Raises:
        ValueError: a number out of range; in the forward pass, a map smaller than the window.
    """
    stride = _check_window("average", kernel_size, stride, padding)
    return _AveragePool(kernel_size, stride, padding, ceil_mode=ceil_mode, count_include_pad=False)


def max_blur_pool(
    kernel_size: int,
    stride: int | None = None,
    *,
    preset: Literal[
        "paper_text",
        "paper_kernel4",
        "paper_both4",
        "paper_literal_stride",
        "paper_stacked",
        "paper_step2",
        "zhang",
        "kornia",
    ] = "paper_text",
    max_size: int | None = None,
    max_padding: Literal["same", "valid"] | None = None,
    blur_size: int | None = None,
    kernel_family: Literal["paper", "binomial", "box"] | None = None,
    vector: tuple[float, ...] | None = None,
    blur_stride: int | None = None,
    pad_geometry: Literal["tf_same", "zhang", "kornia", "none"] | None = None,
    pad_fill: Literal["zero", "reflect", "replicate", "circular"] | None = None,
    order: Literal["max_blur", "blur_max"] | None = None,
    second_blur_size: int | None = None,
) -> nn.Module:
    """Return MaxBlurPool (Zhang 2019, "Making convolutional networks shift-invariant again"; AA-DCN, Algorithm 2).

    A max of stride 1, a fixed low-pass filter, and subsampling: (B, C, H, W) -> (B, C, H', W'). With n the size after
    the max (H for ``same``, H - max_size + 1 for ``valid``), k the blur size and s the stride, H' is ceil(n / s) for
    ``tf_same`` and ``zhang``, floor((n + 2 ((k - 1) // 2) - k) / s) + 1 for ``kornia``, floor((n - k) / s) + 1 for
    ``none``.

    The AA-DCN paper can be read in six ways, and each reading is a preset: ``paper_text`` (max 4, blur 2; stated
    twice), ``paper_kernel4`` (max 2, blur 4), ``paper_both4``, ``paper_literal_stride`` (max 4, blur 2, stride 4:
    Algorithm 2 word by word), ``paper_stacked`` (max 2, blur 4, then blur 2, each subsampling), ``paper_step2`` (blur
    4, then max 2: the reverse order). ``zhang`` and ``kornia`` have the sizes and borders of two public layers.

    ``kernel_size`` and ``stride`` are what the architecture would give to a plain max pooling in this place. That
    stride is the subsampling step, unless ``blur_stride`` (4 in ``paper_literal_stride``) replaces it. That window is
    the max window in ``zhang`` and ``kornia``; the paper's presets replace it by their own, as ``max_size`` does.
    ``paper_literal_stride`` and ``paper_stacked`` shrink a map more than the architecture asks for.

    Args:
        kernel_size: side in pixels of the max window that is replaced; given by the architecture.
        stride: step of that window in pixels; None is ``kernel_size``; given by the architecture.
        preset: the values of all options below; an option that is given goes before the preset's.
        max_size: side of the max window, at least 1 (1: no max, blur only).
        max_padding: ``same`` pads with minus infinity, more at the end; ``valid`` does not pad.
        blur_size: side k of the blur kernel, 1 to 7 (1: no blur, subsampling only).
        kernel_family: ``paper`` (k up to 5: [1,1], [1,2,1], [1,4,4,1], [1,4,6,4,1]), ``binomial``, or ``box`` (mean;
            an odd one lets part of the highest frequency through).
        vector: symmetric 1-D taps in place of ``blur_size`` and ``kernel_family``; scaled to the sum 1.
        blur_stride: subsampling step in place of the architecture's stride.
        pad_geometry: pixels added around the map before the blur: ``tf_same`` as few as ceil(n / s) outputs need,
            ``zhang`` k - 1 in all, ``kornia`` (k - 1) // 2 on each side, ``none``.
        pad_fill: what is added: ``zero`` darkens the border; ``reflect``, ``replicate`` and ``circular`` do not.
        order: ``max_blur``, or ``blur_max``: a blur of stride 1, then a max that subsamples.
        second_blur_size: side of a second blur of ``kernel_family``, which subsamples again; 0: none.

    Raises:
        ValueError: an option out of range or without effect; in the forward pass, a map too small for the windows.
    """
    stride = _check_window("max_blur", kernel_size, stride)
    _check_choice("preset", preset, tuple(_PRESETS))
    options = {
        "max_size": max_size,
        "max_padding": max_padding,
        "blur_size": blur_size,
        "kernel_family": kernel_family,
        "blur_stride": blur_stride,
        "pad_geometry": pad_geometry,
        "pad_fill": pad_fill,
        "order": order,
        "second_blur_size": second_blur_size,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    chosen = replace(_PRESETS[preset], **given)
    for name, choices in _CHOICES.items():
        _check_choice(name, getattr(chosen, name), choices)
    if vector is not None and (blur_size is not None or (kernel_family is not None and not chosen.second_blur_size)):
        raise ValueError("max_blur: vector replaces blur_size and kernel_family; leave those two out")
    if kernel_family is not None and vector is None and max(chosen.blur_size, chosen.second_blur_size) < 3:
        raise ValueError("max_blur: kernel_family does nothing with blur sizes below 3, all alike; leave it out")
    if chosen.pad_geometry == "none" and pad_fill is not None:
        raise ValueError("max_blur: pad_fill does nothing with pad_geometry none; leave one of the two out")
    if chosen.order == "blur_max" and chosen.second_blur_size:
        raise ValueError("max_blur: a second blur needs order max_blur; give that, or second_blur_size 0")
    size = kernel_size if chosen.max_size is None else chosen.max_size
    step = stride if chosen.blur_stride is None else chosen.blur_stride
    if min(size, step) < 1:
        raise ValueError(f"max_blur: max_size {size} and blur_stride {step} must be at least 1")
    blur_step = 1 if chosen.order == "blur_max" else step
    first = blur_taps(chosen.blur_size, chosen.kernel_family) if vector is None else _check_vector(vector)
    second = blur_taps(chosen.second_blur_size, chosen.kernel_family) if chosen.second_blur_size else None
    maximum = _SpreadMax(size, step if chosen.order == "blur_max" else 1, chosen.max_padding)
    blurs = [_Blur(taps, blur_step, chosen.pad_geometry, chosen.pad_fill) for taps in (first, second) if taps]
    return MaxBlurPool(*([maximum, *blurs] if chosen.order == "max_blur" else [*blurs, maximum]))


def blur_taps(size: int, family: str) -> tuple[float, ...]:
    """Return the 1-D taps of a blur kernel, not yet scaled to the sum 1.

    >>> blur_taps(4, "paper"), blur_taps(4, "binomial"), blur_taps(3, "box")
    ((1, 4, 4, 1), (1, 3, 3, 1), (1, 1, 1))

    Raises:
        ValueError: a size outside 1 to 7, or above 5 for the paper's kernels.
    """
    if not 1 <= size <= 7:
        raise ValueError(f"max_blur: blur sizes are 1 to 7, not {size}; use vector for a longer kernel")
    if family == "paper" and size not in _PAPER_TAPS:
        raise ValueError(f"max_blur: kernel_family paper has no blur size {size}; use binomial, box, or a size up to 5")
    if family == "box":
        return (1,) * size
    return _PAPER_TAPS[size] if family == "paper" else tuple(math.comb(size - 1, i) for i in range(size))


class MaxBlurPool(nn.Module):
    """The stages of `max_blur_pool` in order; no parameters, and nothing in the state dict."""

    def __init__(self, *stages: nn.Module) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        """Pool (B, C, H, W) to (B, C, H', W'), in the dtype and memory format of ``x``."""
        height, width = x.shape[-2:]
        contiguous = x.is_contiguous()
        if x.device.type == "cpu":  # a max of stride 1 is several times as fast there in channels_last, copies included
            x = x.contiguous(memory_format=torch.channels_last)
        complaint = f"max_blur: a map of {height}x{width} pixels is too small"
        for stage in self.stages:
            x = stage(x, complaint)
        return x.contiguous() if contiguous else x


class _SpreadMax(nn.Module):
    """Max over windows of ``size``, moved by ``stride``; stride 1 spreads each maximum before the blur."""

    def __init__(self, size: int, stride: int, padding: str) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, x: Tensor, complaint: str) -> Tensor:
        height, width = x.shape[-2:]
        if self.padding == "same":
            pads = _paddings("tf_same", height, width, self.size, self.stride)
            x = F.pad(x, pads, value=-math.inf) if any(pads) else x
        elif min(height, width) < self.size:
            raise ValueError(f"{complaint} for the valid {self.size}x{self.size} max; {_LARGER} or max_padding same")
        return x if self.size == self.stride == 1 else F.max_pool2d(x, self.size, self.stride)

    def extra_repr(self) -> str:
        return f"size={self.size}, stride={self.stride}, padding={self.padding}"


class _Blur(nn.Module):
    """The same fixed k x k low-pass filter on every channel, then every ``stride``-th pixel."""

    kernel: Tensor

    def __init__(self, taps: tuple[float, ...], stride: int, geometry: str, fill: str) -> None:
        super().__init__()
        self.size, self.stride, self.geometry, self.fill = len(taps), stride, geometry, fill
        self.taps = taps
        row = torch.tensor(taps, dtype=torch.float32)
        # Unscaled: the families' whole numbers stay exact in every dtype, so float64 maps get float64 weights.
        self.register_buffer("kernel", torch.outer(row, row)[None, None], persistent=False)
        self.scale = 1 / float(self.kernel.double().sum())

    def forward(self, x: Tensor, complaint: str) -> Tensor:
        height, width = x.shape[-2:]
        pads = _paddings(self.geometry, height, width, self.size, self.stride)
        fits = {"reflect": max(pads[2:]) < height and max(pads[:2]) < width}
        fits["circular"] = max(pads[2:]) <= height and max(pads[:2]) <= width
        if not fits.get(self.fill, True):
            raise ValueError(f"{complaint} for {self.fill} padding of {max(pads)}; {_LARGER} or pad_fill replicate")
        if min(height + sum(pads[2:]), width + sum(pads[:2])) < self.size:
            raise ValueError(f"{complaint} for the {self.size}x{self.size} blur; {_LARGER} or pad_geometry tf_same")
        if any(pads):
            x = F.pad(x, pads, mode=_FILL_MODES[self.fill])
        weight = (self.kernel.to(x.dtype) * self.scale).expand(x.shape[1], 1, self.size, self.size)
        return F.conv2d(x, weight, stride=self.stride, groups=x.shape[1])

    def extra_repr(self) -> str:
        taps = ", ".join(f"{tap:g}" for tap in self.taps)
        return f"[{taps}], stride={self.stride}, geometry={self.geometry}, fill={self.fill}"


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


def _paddings(geometry: str, height: int, width: int, size: int, stride: int) -> tuple[int, int, int, int]:
    """Pixels to add left, right, above and below, in the order of ``F.pad``."""

    def before_and_after(n: int) -> tuple[int, int]:
        if geometry == "kornia":
            return (size - 1) // 2, (size - 1) // 2
        total = {"none": 0, "zhang": size - 1, "tf_same": max((-(-n // stride) - 1) * stride + size - n, 0)}[geometry]
        return total // 2, total - total // 2

    return *before_and_after(width), *before_and_after(height)


def _check_window(name: str, kernel_size: int, stride: int | None, padding: int = 0) -> int:
    """Return the stride of a window pooling, or refuse its arguments."""
    stride = kernel_size if stride is None else stride
    if min(kernel_size, stride) < 1:
        raise ValueError(f"{name}: kernel_size {kernel_size} and stride {stride} must be at least 1")
    if not 0 <= padding <= kernel_size // 2:
        raise ValueError(f"{name}: padding {padding} must be 0 to {kernel_size // 2}, half of kernel_size")
    return stride


def _check_fits(name: str, pool: nn.MaxPool2d | nn.AvgPool2d, x: Tensor) -> None:
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return  # sizes are tensors there; the traced program has one size, tried before
    height, width = x.shape[-2:]
    side, padding = int(pool.kernel_size), int(pool.padding)  # type: ignore[arg-type]  # one number, as built above
    if not pool.ceil_mode and min(height, width) + 2 * padding < side:
        raise ValueError(
            f"{name}: a map of {height}x{width} pixels is too small for the {side}x{side} window; {_LARGER}"
        )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"max_blur: {name} is {value!r}; it must be one of {', '.join(choices)}")


def _check_vector(vector: tuple[float, ...]) -> tuple[float, ...]:
    taps = tuple(float(tap) for tap in vector)
    if not taps or not all(map(math.isfinite, taps)) or taps != taps[::-1] or sum(taps) <= 0:
        raise ValueError(f"max_blur: vector {list(vector)} must be symmetric numbers with a sum above 0")
    return taps
