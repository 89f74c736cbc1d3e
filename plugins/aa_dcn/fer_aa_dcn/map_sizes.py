"""Trace the side of the feature maps from the image to the flattened map, for every pooling and padding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from fer_plugins.contract import ImageSizeError

_LARGEST_TRIED = 512  # pixels per side: larger than any sensible stack of three pooling layers needs


def trace_sides(image_size: int, stages: Sequence[tuple[int, nn.Module]], padding: str) -> list[int]:
    """Return the side of the square feature maps after each pooling layer, in pixels.

    Args:
        image_size: side of the images in pixels.
        stages: for each stage, the number of 3x3 convolutions and the pooling layer after them.
        padding: padding of the convolutions: with ``valid`` each shortens a side by 2 pixels, with ``same`` by none.

    Raises:
        ValueError: a map is too small for the next layer; the message names ``image_size`` and the smallest that works.
    """
    try:
        return _trace(image_size, stages, padding)
    except (RuntimeError, ValueError) as error:  # RuntimeError: from torch, in a pooling that does not check sizes
        sizes = range(max(image_size, 0) + 1, _LARGEST_TRIED + 1)
        smallest = next((size for size in sizes if _serves(size, stages, padding)), None)
        if smallest is None:  # the size is not the problem
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
        with torch.no_grad():  # pooling acts on each channel separately, so one channel is enough
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
