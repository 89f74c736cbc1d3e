"""Histograms of oriented gradients (Eqs. 1 to 8) in plain tensor operations, and the network inputs made from them.

Histograms and line drawing equal those of ``skimage.feature.hog`` (hard bins, mean over the pixels of a cell).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELL = 8  # pixels per side (text before Eq. 5)
BINS = 9  # of 20 degrees each (Eqs. 5 and 6)
BLOCK = 2  # cells per side: 2 x 2 x 9 = the 36 numbers of Eq. 7
EPS = 1e-6  # assumed: Eq. 7 only says "small"


def luma(x: Tensor) -> Tensor:
    """Convert colour images (B, 3, H, W) to grey (B, 1, H, W) with ITU-R BT.601 weights."""
    return 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]


def gradients(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences to the right and downwards (Eqs. 1 and 2), each (B, 1, H, W); 0 at the border.

    Eq. 2 has the opposite sign, which only reverses the order of the bins; the usual sign is kept.
    """
    gx = F.pad(grey[..., :, 2:] - grey[..., :, :-2], (1, 1, 0, 0))
    gy = F.pad(grey[..., 2:, :] - grey[..., :-2, :], (0, 0, 1, 1))
    return gx, gy


def cell_histograms(grey: Tensor, angle: Literal["unsigned", "paper_abs"] = "unsigned") -> Tensor:
    """Return the mean gradient magnitude by orientation, (B, 9, H/8, W/8), of grey images (B, 1, H, W).

    ``unsigned`` takes the angle modulo 180 degrees. ``paper_abs`` is Eq. 4 as printed, |atan(gy/gx)|: it ends at 90
    degrees, so that bins 5 to 8 stay empty and the histogram of a cell is the same as that of its mirror image.
    """
    gx, gy = gradients(grey)
    if angle == "paper_abs":
        gx, gy = gx.abs(), gy.abs()
    turns = torch.atan2(gy, gx) / math.pi  # half turns in [-1, 1]
    bins = (turns.remainder(1.0) * BINS).floor().clamp(max=BINS - 1)  # remainder rounds to 1 just below 0
    numbers = torch.arange(BINS, device=grey.device, dtype=grey.dtype).view(1, BINS, 1, 1)
    return F.avg_pool2d(torch.hypot(gx, gy) * (bins == numbers), CELL)


def _inverse_block_norms(cells: Tensor) -> Tensor:
    energy = BLOCK**2 * F.avg_pool2d(cells.square().sum(1, keepdim=True), BLOCK, stride=1)
    return (energy + EPS).rsqrt()


def descriptor(cells: Tensor) -> Tensor:
    """Return all blocks of 2 x 2 cells, each divided by its norm (Eq. 7), as a vector: 7 x 7 x 36 = 1,764 (64 pixels).

    Args:
        cells: histograms (B, 9, Y, X).

    Returns:
        (B, (Y-1) (X-1) 36), ordered by block row, block column, cell row, cell column, bin.
    """
    blocks = cells.unfold(2, BLOCK, 1).unfold(3, BLOCK, 1) * _inverse_block_norms(cells)[..., None, None]
    return blocks.permute(0, 2, 3, 4, 5, 1).flatten(1)


def normalise_cells(cells: Tensor) -> Tensor:
    """Average each cell's histogram (B, 9, Y, X) over its copies in up to four normalised blocks that contain it."""
    share = F.avg_pool2d(_inverse_block_norms(cells), BLOCK, stride=1, padding=1, count_include_pad=False)
    return cells * share


def spread(cells: Tensor) -> Tensor:
    """Repeat each cell over its 8 x 8 pixels: (B, 9, Y, X) -> (B, 9, 8Y, 8X)."""
    return F.interpolate(cells, scale_factor=float(CELL), mode="nearest")


def line_masks() -> Tensor:
    """Return one line per bin through the centre of the cell, radius 3: (9, 8, 8) of 0 and 1.

    The lines at 50 and 70 degrees have the same pixels, and so do those at 110 and 130: the nine masks have rank 7.
    """
    masks = torch.zeros(BINS, CELL, CELL)
    radius, centre = CELL // 2 - 1, CELL // 2
    for number in range(BINS):
        middle = math.pi * (number + 0.5) / BINS
        dx, dy = radius * math.cos(middle), radius * math.sin(middle)
        for row, column in _line(int(centre - dx), int(centre + dy), int(centre + dx), int(centre - dy)):
            masks[number, row, column] = 1.0
    return masks


def _line(row: int, column: int, last_row: int, last_column: int) -> list[tuple[int, int]]:
    """Return the pixels of a line, one per step along its longer side (Bresenham)."""
    rows, columns = abs(last_row - row), abs(last_column - column)
    down, right = (1 if last_row > row else -1), (1 if last_column > column else -1)
    steep = rows > columns
    long, short = max(rows, columns), min(rows, columns)
    error, pixels = 2 * short - long, []
    for _ in range(long):
        pixels.append((row, column))
        if error >= 0:
            row, column = (row, column + right) if steep else (row + down, column)
            error -= 2 * long
        row, column = (row + down, column) if steep else (row, column + right)
        error += 2 * short
    return [*pixels, (last_row, last_column)]


class HOGInput(nn.Module):
    """Convert images (B, 1 or 3, S, S) in [0, 1] to the input of the first convolution; has no parameters.

    Modes with histograms need S to be a multiple of 8, at least 16.

    Args:
        in_channels: 1 or 3.
        mode: ``image``: line drawing, 1 channel; ``grad_stack``: grey, gx, gy, 3 channels; ``cells_up``: histograms
            repeated over their cells, 9 channels; ``descriptor`` and ``none``: the image itself.
        angle: see ``cell_histograms``.
        draw_from: whether ``normalised`` or ``raw`` histograms are drawn. skimage draws the raw ones, so that Eqs. 7
            and 8 have no effect on its picture.

    Raises:
        ValueError: ``in_channels`` is neither 1 nor 3, or an option has no effect in this mode.
    """

    def __init__(
        self,
        in_channels: int = 1,
        mode: Literal["image", "grad_stack", "cells_up", "descriptor", "none"] = "image",
        angle: Literal["unsigned", "paper_abs"] = "unsigned",
        draw_from: Literal["normalised", "raw"] = "normalised",
    ) -> None:
        super().__init__()
        self.has_cells = mode in ("image", "cells_up", "descriptor")
        if in_channels not in (1, 3):
            raise ValueError(f"in_channels={in_channels}: use 1 (grey) or 3 (RGB)")
        if angle != "unsigned" and not self.has_cells:
            raise ValueError(f"hog_angle={angle} has no effect with hog_mode={mode}: use hog_mode=image")
        if draw_from != "normalised" and mode != "image":
            raise ValueError(f"hog_draw_from={draw_from} has no effect with hog_mode={mode}: use hog_mode=image")
        self.in_channels, self.mode, self.angle, self.draw_from = in_channels, mode, angle, draw_from
        channels = {"image": 1, "grad_stack": 3, "cells_up": BINS}
        self.out_channels = channels.get(mode, in_channels if mode == "none" else 1)
        self.register_buffer("masks", line_masks(), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the network's input (B, out_channels, S, S) and, in mode ``descriptor``, the vector (B, n)."""
        if self.mode == "none":
            return x, None
        grey = self.grey(x)
        if self.mode == "grad_stack":
            return torch.cat([grey, *gradients(grey)], dim=1), None
        cells = self.histograms(x)
        if self.mode == "descriptor":
            return grey, descriptor(cells).to(x.dtype)
        seen = spread(normalise_cells(cells)) if self.mode == "cells_up" else self.draw(cells)
        return seen.to(x.dtype), None

    def grey(self, x: Tensor) -> Tensor:
        """Return the module's input as grey images (B, 1, S, S)."""
        return luma(x) if self.in_channels == 3 else x

    def descriptor_size(self, image_size: int) -> int:
        """Return the length of the descriptor for a side of ``image_size`` pixels; 0 except in mode ``descriptor``."""
        return (image_size // CELL - BLOCK + 1) ** 2 * BLOCK**2 * BINS if self.mode == "descriptor" else 0

    def histograms(self, x: Tensor) -> Tensor:
        """Return cell histograms (B, 9, S/8, S/8), detached: bins have no gradient, and hypot has none at 0."""
        grey = self.grey(x).detach()
        return cell_histograms(grey if grey.dtype == torch.float64 else grey.float(), self.angle)

    def draw(self, cells: Tensor) -> Tensor:
        """Draw histograms (B, 9, Y, X) as lines, (B, 1, 8Y, 8X), each drawing divided by its own maximum."""
        drawing = self.draw_lines(normalise_cells(cells) if self.draw_from == "normalised" else cells)
        return drawing / drawing.amax(dim=(1, 2, 3), keepdim=True).clamp(min=torch.finfo(drawing.dtype).tiny)

    def draw_lines(self, cells: Tensor) -> Tensor:
        """Return the drawing before the division: the sum over the bins of line times histogram, (B, 1, 8Y, 8X)."""
        lines = self.masks.to(cells.dtype).repeat(1, cells.shape[2], cells.shape[3])
        return (spread(cells) * lines).sum(1, keepdim=True)
