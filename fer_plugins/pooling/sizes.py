"""For plug-ins: measures the size of flattened layers with one image, and names the smallest image size that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from fer_plugins.contract import ImageSizeError

Sizes = TypeVar("Sizes")
LARGEST_TRIED = 256  # pixels a side; where the search for the smallest size that serves ends


def flattened_size(layers: nn.Module, in_channels: int, image_size: int, option: str = "image_size") -> int:
    """Return the length of what ``layers`` make of one image (1, in_channels, image_size, image_size), flattened.

    The layers are run in evaluation mode and without gradients, so their statistics stay as they are.

    Args:
        layers: the layers in front of the first dense one.
        in_channels: image channels.
        image_size: side of the square images in pixels.
        option: what ``image_size`` is called by the user, for the error.

    Raises:
        ValueError: a map becomes smaller than the window that comes next; names the smallest size that serves.
    """

    def run(side: int) -> int:
        length: int = layers(torch.zeros(1, in_channels, side, side)).numel()
        return length

    training = layers.training
    layers.eval()
    try:
        with torch.no_grad():
            return fit(run, image_size, option)
    finally:
        layers.train(training)


def fit(run: Callable[[int], Sizes], image_size: int, option: str = "image_size") -> Sizes:
    """Return ``run(image_size)``; where that fails and a larger image would not, say which size serves.

    Args:
        run: from a side in pixels to whatever is to be known; raises RuntimeError or ValueError where it is too small.
        image_size: side in pixels.
        option: what it is called by the user, for the error.

    Raises:
        ValueError: the size is too small; one line that names the smallest that serves.
        RuntimeError: whatever ``run`` raises, where the size is not to blame.
    """
    try:
        return run(image_size)
    except (RuntimeError, ValueError) as error:
        smallest = next((side for side in range(image_size + 1, LARGEST_TRIED + 1) if _serves(run, side)), None)
        if smallest is None:
            raise
        raise ImageSizeError(
            f"{option} {image_size} is too small: use at least {smallest} with this pooling"
        ) from error


def _serves(run: Callable[[int], object], side: int) -> bool:
    try:
        run(side)
    except (RuntimeError, ValueError):
        return False
    return True
