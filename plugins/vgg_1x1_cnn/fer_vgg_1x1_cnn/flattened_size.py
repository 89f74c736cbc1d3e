"""Finds the length of the flattened map by running one image, so that every pooling fits."""

from __future__ import annotations

import torch
from torch import nn

_LARGEST_TRIED = 128  # pixels a side; far above what any of the networks needs


def infer_flattened_size(features: nn.Module, in_channels: int, option: str, side: int) -> int:
    """Return the length of what ``features`` makes of one image (1, in_channels, side, side).

    Args:
        features: layers that end in a flattened map.
        in_channels: image channels.
        option: name of the argument that ``side`` came from, for the error.
        side: pixels a side.

    Raises:
        ValueError: a map becomes smaller than the window that comes next; names the smallest side that serves.
    """
    try:
        return _run(features, in_channels, side)
    except (RuntimeError, ValueError) as error:
        smallest = next((size for size in range(side + 1, _LARGEST_TRIED + 1) if _fits(features, in_channels, size)), 0)
        if not smallest:  # the size is not what is wrong
            raise
        raise ValueError(f"{option} {side} is too small: use at least {smallest} with this pooling") from error


def _run(features: nn.Module, in_channels: int, side: int) -> int:
    with torch.no_grad():
        return int(features(torch.zeros(1, in_channels, side, side)).shape[1])


def _fits(features: nn.Module, in_channels: int, side: int) -> bool:
    try:
        return _run(features, in_channels, side) > 0
    except (RuntimeError, ValueError):
        return False
