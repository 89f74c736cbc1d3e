"""MaxBlurPool of the AA-DCN paper: its kernels, and six readings of its description."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from torch import nn

from fer_plugins.pooling import FAMILIES, PRESETS, Settings, build_max_blur

# The paper's 1-D taps. Its taps of size 4 are not a row of Pascal's triangle, which would be 1, 3, 3, 1.
_TAPS: dict[int, tuple[float, ...]] = {1: (1,), 2: (2, 2), 3: (1, 2, 1), 4: (1, 4, 4, 1), 5: (1, 4, 6, 4, 1)}
PAPER_FAMILIES = {"paper": _TAPS.get, **FAMILIES}
_TEXT = Settings(kernel_family="paper")
PAPER_PRESETS = {
    "paper_text": _TEXT,
    "paper_kernel4": replace(_TEXT, max_size=2, blur_size=4),
    "paper_both4": replace(_TEXT, blur_size=4),
    "paper_literal_stride": replace(_TEXT, blur_stride=4),
    "paper_stacked": replace(_TEXT, max_size=2, blur_size=4, second_blur_size=2),
    "paper_step2": replace(_TEXT, max_size=2, max_padding="valid", blur_size=4, order="blur_max"),
    **{name: PRESETS[name] for name in ("zhang", "kornia")},
}


def aa_dcn_max_blur(
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
    """Return the MaxBlurPool of AA-DCN (Algorithm 2): the core's ``max_blur`` with the paper's kernels and readings.

    The paper can be read in six ways, and each reading is a preset: ``paper_text`` (max 4, blur 2; stated twice),
    ``paper_kernel4`` (max 2, blur 4), ``paper_both4``, ``paper_literal_stride`` (max 4, blur 2, stride 4: Algorithm 2
    word by word), ``paper_stacked`` (max 2, blur 4, then blur 2, each subsampling), ``paper_step2`` (blur 4, then max
    2: the reverse order). Each preset sets its own max window; ``zhang`` and ``kornia`` are the presets of
    ``max_blur``. ``paper_literal_stride`` and ``paper_stacked`` shrink a map more than the architecture requests.

    Args:
        kernel_size: side of the max window that is replaced, in pixels; set by the architecture.
        stride: stride of that window in pixels; null: ``kernel_size``; set by the architecture.
        preset: named values of all other options; an option that is set explicitly overrides the preset.
        max_size: side of the max window, at least 1 (1: no max, blur only).
        max_padding: ``same`` pads with minus infinity, more at the end; ``valid`` does not pad.
        blur_size: side of the blur kernel, 1 to 7 (1: no blur, subsampling only).
        kernel_family: ``paper`` (sizes up to 5: [1,1], [1,2,1], [1,4,4,1], [1,4,6,4,1]), ``binomial`` or ``box``.
        vector: symmetric 1-D taps instead of ``blur_size`` and ``kernel_family``; scaled to sum 1.
        blur_stride: subsampling stride instead of the architecture's stride.
        pad_geometry: number of pixels padded on each side of the map before the blur, as in ``max_blur``.
        pad_fill: values of the padding: ``zero`` darkens the border; ``reflect``, ``replicate`` and ``circular`` do
            not.
        order: ``max_blur``, or ``blur_max``: a blur of stride 1, then a max that subsamples.
        second_blur_size: side of a second blur of ``kernel_family``, which subsamples again; 0: none.

    Raises:
        ValueError: an option is out of range or has no effect; in the forward pass, a map is too small for the windows.
    """
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
    return build_max_blur(
        "aa_dcn_max_blur", kernel_size, stride, preset, options, presets=PAPER_PRESETS, families=PAPER_FAMILIES
    )
