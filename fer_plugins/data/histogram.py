"""Histogram equalization of batches, for networks that equalize their input. Also for use by plug-ins."""

from __future__ import annotations

import torch
from torch import Tensor

_LEVELS = 255  # grey levels are 0 to 255, as in the released images


def equalise(x: Tensor) -> Tensor:
    """Equalize the histogram of each channel of each image: (B, C, H, W) in [0, 1] -> same shape and range.

    The usual rule for 256 grey levels: with c(v) the number of pixels that are at most as bright as v, c0 that of the
    darkest level and N the number of pixels, v becomes round(255 (c(v) - c0) / (N - c0)) / 255. A constant image is
    unchanged. Gradients are not propagated, because the output is a step function.
    """
    levels = (x.detach() * _LEVELS).round().flatten(2).contiguous()
    # Positions in the sorted image are the cumulative histogram; without scatter, this is deterministic on all devices.
    if torch.compiler.is_compiling():  # traced for an export format without searchsorted: the same counts
        at_most = _count_at_most(levels.long())
    else:
        at_most = torch.searchsorted(levels.sort(dim=2).values, levels, right=True)
    darkest = at_most.amin(dim=2, keepdim=True)
    rest = levels.shape[2] - darkest
    even = ((at_most - darkest) * _LEVELS / rest.clamp(min=1)).round()
    return (torch.where(rest > 0, even, levels) / _LEVELS).to(x.dtype).view(x.shape)


def _count_at_most(levels: Tensor) -> Tensor:
    """Return for each of the levels (B, C, N), integers from 0 to 255, how many of its row are at most as high."""
    counts = levels.new_zeros((levels.shape[0], levels.shape[1], _LEVELS + 1)).scatter_add(
        2, levels, torch.ones_like(levels)
    )
    return counts.cumsum(2).gather(2, levels)
