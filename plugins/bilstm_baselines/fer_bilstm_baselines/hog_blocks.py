"""Histograms of oriented gradients (Dalal and Triggs 2005) as a sequence of blocks, equal to scikit-image's."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

CELL, BINS, BLOCK = 8, 9, 2  # pixels per side of a cell, orientations over 180 degrees, cells per side of a block
_EPS = 1e-5


def hog_blocks(x: Tensor) -> Tensor:
    """Return the HOG blocks of images (B, C, H, W), row by row: (B, (H // 8 - 1) (W // 8 - 1), 36).

    Central differences, 0 at the border; nine unsigned orientations without interpolation; the mean over cells of 8x8
    pixels; blocks of 2x2 cells normalised by L2-Hys (clipped at 0.2). With several channels, the one with the strongest
    gradient is used at each pixel. There are no parameters, and no gradient flows to the image.

    Raises:
        ValueError: a side is shorter than 16 pixels.
    """
    height, width = x.shape[-2:]
    if min(height, width) < BLOCK * CELL:
        raise ValueError(f"images of {height}x{width} pixels are too small: a block of HOG cells has {BLOCK * CELL}")
    x = x.detach()
    vertical, horizontal = torch.zeros_like(x), torch.zeros_like(x)
    vertical[..., 1:-1, :] = x[..., 2:, :] - x[..., :-2, :]
    horizontal[..., 1:-1] = x[..., 2:] - x[..., :-2]
    strength = torch.hypot(vertical, horizontal)
    strength, strongest = strength.max(1, keepdim=True)
    vertical, horizontal = vertical.gather(1, strongest), horizontal.gather(1, strongest)
    angle = torch.rad2deg(torch.atan2(vertical, horizontal)).remainder(180)
    bins = (angle / (180 / BINS)).floor().clamp(max=BINS - 1).long()  # remainder may round to 180 itself
    votes = torch.zeros(x.shape[0], BINS, height, width, dtype=x.dtype, device=x.device).scatter(1, bins, strength)
    cells = F.avg_pool2d(votes, CELL)
    rows, columns = cells.shape[-2:]
    blocks = cells.unfold(2, BLOCK, 1).unfold(3, BLOCK, 1)  # (B, 9, rows - 1, columns - 1, 2, 2)
    blocks = blocks.permute(0, 2, 3, 4, 5, 1).reshape(x.shape[0], (rows - 1) * (columns - 1), -1)
    blocks = blocks / (blocks.square().sum(-1, keepdim=True) + _EPS**2).sqrt()
    blocks = blocks.clamp(max=0.2)
    return blocks / (blocks.square().sum(-1, keepdim=True) + _EPS**2).sqrt()


def count_blocks(side: int) -> int:
    """Return the number of blocks of a square image.

    >>> count_blocks(64), count_blocks(48)
    (49, 25)
    """
    return int(math.pow(side // CELL - 1, 2))
