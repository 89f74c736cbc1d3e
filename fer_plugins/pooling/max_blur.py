"""Max pooling with an anti-aliasing blur (MaxBlurPool): its options, presets and construction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from fer_plugins.pooling.blur_stages import FILL_MODES, Blur, MaxBlurPool, SpreadMax
from fer_plugins.pooling.plain import check_window
from fer_plugins.runtime.choices import check_choice

Taps = tuple[float, ...]  # of a 1-D filter, not yet scaled to sum to 1
FAMILIES: Mapping[str, Callable[[int], Taps | None]] = {  # size -> taps; None if the family has no kernel of this size
    "binomial": lambda size: tuple(math.comb(size - 1, i) for i in range(size)),
    "box": lambda size: (1,) * size,
}
_CHOICES = {
    "max_padding": ("same", "valid"),
    "pad_geometry": ("tf_same", "zhang", "kornia", "none"),
    "pad_fill": tuple(FILL_MODES),
    "order": ("max_blur", "blur_max"),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of `max_blur_pool`; the defaults are those of the preset ``wide_max``."""

    max_size: int | None = 4  # None: the architecture's kernel_size
    max_padding: str = "same"
    blur_size: int = 2
    kernel_family: str = "binomial"
    blur_stride: int | None = None  # None: the architecture's stride
    pad_geometry: str = "tf_same"
    pad_fill: str = "zero"
    order: str = "max_blur"
    second_blur_size: int = 0


_PLAIN_MAX = Settings(max_size=None, max_padding="valid", blur_size=3)
PRESETS: Mapping[str, Settings] = {
    "wide_max": Settings(),
    # assumed: blur 3. The published default, 4, does not fit a 2x2 map, such as that of a third pooling at 48 pixels.
    "zhang": replace(_PLAIN_MAX, pad_geometry="zhang", pad_fill="reflect"),
    "kornia": replace(_PLAIN_MAX, pad_geometry="kornia"),
}


def max_blur_pool(
    kernel_size: int,
    stride: int | None = None,
    *,
    preset: Literal["wide_max", "zhang", "kornia"] = "wide_max",
    max_size: int | None = None,
    max_padding: Literal["same", "valid"] | None = None,
    blur_size: int | None = None,
    kernel_family: Literal["binomial", "box"] | None = None,
    vector: tuple[float, ...] | None = None,
    blur_stride: int | None = None,
    pad_geometry: Literal["tf_same", "zhang", "kornia", "none"] | None = None,
    pad_fill: Literal["zero", "reflect", "replicate", "circular"] | None = None,
    order: Literal["max_blur", "blur_max"] | None = None,
    second_blur_size: int | None = None,
) -> nn.Module:
    """Build MaxBlurPool (Zhang 2019, "Making convolutional networks shift-invariant again").

    A max with stride 1, a fixed low-pass filter, and subsampling: (B, C, H, W) -> (B, C, H', W'). With n the size after
    the max (H for ``same``, H - max_size + 1 for ``valid``), k the blur size and s the stride, H' is ceil(n / s) for
    ``tf_same`` and ``zhang``, floor((n + 2 ((k - 1) // 2) - k) / s) + 1 for ``kornia``, floor((n - k) / s) + 1 for
    ``none``.

    The preset ``wide_max`` is a max over 4 x 4 windows and a 2 x 2 mean, padded as TensorFlow's SAME; ``zhang`` and
    ``kornia`` have the sizes and padding of two public implementations.

    ``kernel_size`` and ``stride`` are the values that the architecture would pass to plain max pooling. The stride is
    the subsampling step unless ``blur_stride`` is given. The kernel size is the size of the max window in ``zhang`` and
    ``kornia``; ``wide_max`` and the option ``max_size`` replace it.

    Args:
        kernel_size: side in pixels of the max window that is replaced; set by the architecture.
        stride: step of that window in pixels; None for ``kernel_size``; set by the architecture.
        preset: default values of all other options; options that are given override it.
        max_size: side of the max window in pixels, at least 1 (1: no max, blur only).
        max_padding: ``same`` pads with minus infinity, the larger half at the end; ``valid`` does not pad.
        blur_size: side k of the blur kernel in pixels, 1 to 7 (1: no blur, subsampling only).
        kernel_family: ``binomial`` (rows of Pascal's triangle), or ``box`` (mean; with an odd size, part of the highest
            frequency passes through).
        vector: symmetric 1-D taps, scaled to sum to 1, instead of ``blur_size`` and ``kernel_family``.
        blur_stride: subsampling step in pixels, instead of the architecture's stride.
        pad_geometry: padding of the map before the blur: ``tf_same`` the fewest pixels needed for ceil(n / s) outputs
            (n: size of the map, s: step), ``zhang`` k - 1 in total (k: blur_size), ``kornia`` (k - 1) // 2 on each
            side, ``none``.
        pad_fill: padding mode: ``zero`` darkens the border; ``reflect``, ``replicate`` and ``circular`` do not.
        order: ``max_blur``, or ``blur_max``: a blur with stride 1, then a max that subsamples.
        second_blur_size: side in pixels of a second blur of ``kernel_family``, which subsamples again; 0 for none.

    Raises:
        ValueError: An option is out of range or has no effect; in the forward pass, if a map is too small for the
            windows.
    """
    unnamed = 4 in (None if vector else blur_size, second_blur_size) and kernel_family is None
    if preset == "wide_max" and unnamed:  # these settings used to mean other taps: do not change results silently
        raise ValueError(
            "max_blur: blur size 4 needs its taps named: kernel_family binomial (1, 3, 3, 1) or box, or in place of "
            "blur_size vector [1, 4, 4, 1], which it was before"
        )
    options = {
        "max_size": max_size,
        "max_padding": max_padding,
        "blur_size": blur_size,
        "kernel_family": kernel_family,
        "vector": vector,
        "blur_stride": blur_stride,
        "pad_geometry": pad_geometry,
        "pad_fill": pad_fill,
        "order": order,
        "second_blur_size": second_blur_size,
    }
    return build_max_blur("max_blur", kernel_size, stride, preset, options)


def build_max_blur(
    name: str,
    kernel_size: int,
    stride: int | None,
    preset: str,
    options: Mapping[str, Any],
    *,
    presets: Mapping[str, Settings] = PRESETS,
    families: Mapping[str, Callable[[int], Taps | None]] = FAMILIES,
) -> MaxBlurPool:
    """Build a MaxBlurPool from a preset and options; for poolings that extend `max_blur_pool`.

    Args:
        name: Name of the pooling, at the start of every error message.
        kernel_size: Side of the max window that is replaced, in pixels.
        stride: Step of that window in pixels; None for ``kernel_size``.
        preset: One of ``presets``.
        options: Options of `max_blur_pool` by name; None or a missing option keeps the preset's value.
        presets: Preset name -> settings.
        families: Kernel family -> function from a size, 1 to 7, to the taps of its kernel, or None if it has no such
            size.

    Raises:
        ValueError: An option is out of range or has no effect; in the forward pass, if a map is too small for the
            windows.
    """
    stride = check_window(name, kernel_size, stride)
    check_choice("preset", preset, tuple(presets), owner=name)
    values = {key: value for key, value in options.items() if value is not None}
    vector = values.pop("vector", None)
    settings = replace(presets[preset], **values)
    for key, choices in {**_CHOICES, "kernel_family": tuple(families)}.items():
        check_choice(key, getattr(settings, key), choices, owner=name)
    if vector is not None and ("blur_size" in values or ("kernel_family" in values and not settings.second_blur_size)):
        raise ValueError(f"{name}: vector replaces blur_size and kernel_family; leave those two out")
    if "kernel_family" in values and vector is None and max(settings.blur_size, settings.second_blur_size) < 3:
        raise ValueError(f"{name}: kernel_family does nothing with blur sizes below 3, all alike; leave it out")
    if settings.pad_geometry == "none" and "pad_fill" in values:
        raise ValueError(f"{name}: pad_fill does nothing with pad_geometry none; leave one of the two out")
    if settings.order == "blur_max" and settings.second_blur_size:
        raise ValueError(f"{name}: a second blur needs order max_blur; give that, or second_blur_size 0")
    size = kernel_size if settings.max_size is None else settings.max_size
    step = stride if settings.blur_stride is None else settings.blur_stride
    if min(size, step) < 1:
        raise ValueError(f"{name}: max_size {size} and blur_stride {step} must be at least 1")

    def kernel(size: int) -> Taps:
        try:
            return blur_taps(size, settings.kernel_family, families)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    blur_step = 1 if settings.order == "blur_max" else step
    first = kernel(settings.blur_size) if vector is None else _check_vector(name, vector)
    second = kernel(settings.second_blur_size) if settings.second_blur_size else None
    maximum = SpreadMax(size, step if settings.order == "blur_max" else 1, settings.max_padding)
    blurs = [Blur(taps, blur_step, settings.pad_geometry, settings.pad_fill) for taps in (first, second) if taps]
    return MaxBlurPool(*([maximum, *blurs] if settings.order == "max_blur" else [*blurs, maximum]), name=name)


def blur_taps(size: int, family: str, families: Mapping[str, Callable[[int], Taps | None]] = FAMILIES) -> Taps:
    """Return the 1-D taps of a blur kernel, not yet scaled to sum to 1.

    >>> blur_taps(4, "binomial"), blur_taps(3, "box")
    ((1, 3, 3, 1), (1, 1, 1))

    Raises:
        ValueError: The size is outside 1 to 7, or the family has no kernel of this size.
    """
    if not 1 <= size <= 7:
        raise ValueError(f"blur sizes are 1 to 7, not {size}; use vector for a longer kernel")
    taps = families[family](size)
    if taps is None:
        largest = max(side for side in range(1, 8) if families[family](side))
        names = ", ".join(name for name in families if name != family and families[name](size))
        raise ValueError(f"kernel_family {family} has no blur size {size}; use {names}, or a size up to {largest}")
    return taps


def _check_vector(name: str, vector: Taps) -> Taps:
    taps = tuple(float(tap) for tap in vector)
    if not taps or not all(map(math.isfinite, taps)) or taps != taps[::-1] or sum(taps) <= 0:
        raise ValueError(f"{name}: vector {list(vector)} must be symmetric numbers with a sum above 0")
    return taps
