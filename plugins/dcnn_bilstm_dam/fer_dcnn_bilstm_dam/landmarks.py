"""Positions of eyes, nose and mouth, as weights of keys and values (the landmarks of Algorithm 3, step 1)."""

from __future__ import annotations

import torch
from torch import Tensor

# On FER-2013's faces, as fractions of the side (x, y): medians of centerface's points in 284 training images, made
# symmetric, so that a mirrored face has the same points (`python benchmarks/detectors.py --fer2013 PATH --eyes`). An
# image aligned with `data.face_align eyes` has its eyes exactly here.
POINTS = ((0.315, 0.39), (0.685, 0.39), (0.5, 0.6), (0.35, 0.75), (0.65, 0.75))


def landmark_map(side: int, deviation: float) -> Tensor:
    """Return weights (side, side, 1) in (0, 1]: at each position the maximum of the points' Gaussians.

    Args:
        side: side of the map, in positions.
        deviation: standard deviation of the Gaussians, as a fraction of the side.
    """
    centres = (torch.arange(side) + 0.5) / side
    x, y = torch.tensor(POINTS).T[..., None, None]
    squared = (centres - x) ** 2 + (centres[:, None] - y) ** 2
    return torch.exp(-squared / (2 * deviation**2)).amax(dim=0)[..., None]
