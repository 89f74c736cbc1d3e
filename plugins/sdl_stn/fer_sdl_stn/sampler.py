"""The affine sampler of a spatial transformer: sampling grid from theta and bilinear interpolation (Eqs 1 to 3)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

PaddingMode = Literal["zeros", "border"]


def place_grid(theta: Tensor, height: int, width: int, align_corners: bool) -> Tensor:
    """Return the sampling point of each output pixel: (B, height, width, 2), x then y, in [-1, 1] from edge to edge.

    Args:
        theta: (B, 2, 3), one affine transformation per image; [[1, 0, 0], [0, 1, 0]] is the identity.
        height: number of rows of the output.
        width: number of columns of the output.
        align_corners: whether -1 and 1 are the centres of the corner pixels (true) or the outer edges of the image.
    """
    return F.affine_grid(theta, [theta.shape[0], 1, height, width], align_corners=align_corners)


def warp(x: Tensor, theta: Tensor, padding_mode: PaddingMode, align_corners: bool) -> Tensor:
    """Warp feature maps (B, C, H, W) by ``theta`` (B, 2, 3) with bilinear interpolation; the shape is unchanged.

    Points outside are 0 (``zeros``) or the nearest border pixel (``border``). If all points of an image are outside and
    read as 0, the gradient with respect to its theta is exactly 0, so it cannot return.
    """
    grid = place_grid(theta, x.shape[-2], x.shape[-1], align_corners)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding_mode, align_corners=align_corners)


def share_inside(theta: Tensor, height: int, width: int, align_corners: bool) -> Tensor:
    """Return the fraction of grid points inside [-1, 1] x [-1, 1] for each image, (B,) in [0, 1]."""
    grid = place_grid(theta, height, width, align_corners)
    return (grid.abs() <= 1 + 1e-6).all(-1).to(torch.float32).mean((1, 2))
