"""Runs one image through layers, to find the length of what they give and the smallest image that fits."""

from __future__ import annotations

import torch
from torch import nn

_LARGEST_TRIED = 256  # pixels a side


def measure(layers: nn.Module, in_channels: int, image_size: int) -> int:
    """Return the length of what ``layers`` make of one image (1, in_channels, image_size, image_size), flattened.

    Raises:
        ValueError: a map becomes smaller than the window that comes next; names the smallest size that serves.
    """
    try:
        return _run(layers, in_channels, image_size)
    except (RuntimeError, ValueError) as error:
        for larger in range(image_size + 1, _LARGEST_TRIED + 1):
            try:
                _run(layers, in_channels, larger)
            except (RuntimeError, ValueError):
                continue
            raise ValueError(
                f"image_size {image_size} is too small: use at least {larger} with this pooling"
            ) from error
        raise


def _run(layers: nn.Module, in_channels: int, side: int) -> int:
    training = layers.training
    layers.eval()
    try:
        with torch.no_grad():
            return layers(torch.zeros(1, in_channels, side, side)).flatten(1).shape[1]
    finally:
        layers.train(training)
