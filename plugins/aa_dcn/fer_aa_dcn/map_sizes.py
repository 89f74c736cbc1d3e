"""Follows the sides of the feature maps from the image to the flattened map, for every pooling and padding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from fer_plugins.contract import ImageSizeError

_LARGEST_TRIED = 512  # pixels a side: beyond what any readable stack of three poolings needs


def trace_sides(image_size: int, stages: Sequence[tuple[int, nn.Module]], padding: str) -> list[int]:
    """Return the sides of the maps behind each pooling, in pixels; the maps are square as the images are.

    Args:
        image_size: side of the images in pixels.
        stages: number of 3x3 convolutions before a pooling, and that pooling.
        padding: of the convolutions: ``valid`` takes 2 pixels off a side each, ``same`` none.

    Raises:
        ValueError: a map is too small for what comes next; names ``image_size`` and the smallest that serves.
    """
    try:
        return _trace(image_size, stages, padding)
    except (RuntimeError, ValueError) as error:  # a RuntimeError is torch's, from a pooling that does not check sizes
        sizes = range(max(image_size, 0) + 1, _LARGEST_TRIED + 1)
        smallest = next((size for size in sizes if _serves(size, stages, padding)), None)
        if smallest is None:  # the size is not what is wrong
            raise
        raise ImageSizeError(
            f"image_size {image_size} is too small: use at least {smallest} with this pooling and padding"
        ) from error


def _trace(side: int, stages: Sequence[tuple[int, nn.Module]], padding: str) -> list[int]:
    sides = []
    for convolutions, pool in stages:
        side -= 2 * convolutions if padding == "valid" else 0
        if side < 1:
            raise ValueError("nothing is left of the map for the 3x3 convolutions")
        with torch.no_grad():  # poolings act on channels alone, so one is enough
            side = int(pool(torch.zeros(1, 1, side, side)).shape[-1])
        if side < 1:
            raise ValueError("nothing is left of the map behind a pooling")
        sides.append(side)
    return sides


def _serves(size: int, stages: Sequence[tuple[int, nn.Module]], padding: str) -> bool:
    try:
        return bool(_trace(size, stages, padding))
    except (RuntimeError, ValueError):
        return False
