"""For plug-ins: infers the size of flattened layers from one image, and finds the smallest image size that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from fer_plugins.contract import ImageSizeError
from fer_plugins.runtime.evaluating import evaluating

Sizes = TypeVar("Sizes")
LARGEST_TRIED = 256  # side in pixels; the search for the smallest image size that works ends here


def flattened_size(layers: nn.Module, in_channels: int, image_size: int, option: str = "image_size") -> int:
    """Return the number of features of ``layers`` for one image (1, in_channels, image_size, image_size), flattened.

    The layers are run in evaluation mode and without gradients, so their statistics do not change.

    Args:
        layers: The layers before the first dense layer.
        in_channels: Number of image channels.
        image_size: Side of the square images in pixels.
        option: Name of ``image_size`` in the error message.

    Raises:
        ValueError: A map becomes smaller than the next window; the message names the smallest size that works.
    """

    def run(side: int) -> int:
        length: int = layers(torch.zeros(1, in_channels, side, side)).numel()
        return length

    with evaluating(layers), torch.no_grad():
        return fit(run, image_size, option)


def fit(run: Callable[[int], Sizes], image_size: int, option: str = "image_size") -> Sizes:
    """Return ``run(image_size)``; if it fails and a larger image works, the error names the smallest that does.

    Args:
        run: Function of a side in pixels; raises RuntimeError or ValueError if the side is too small.
        image_size: Side in pixels.
        option: Name of the size in the error message.

    Raises:
        ValueError: The size is too small; the message is one line that names the smallest size that works.
        RuntimeError: Raised by ``run`` for a reason other than the size.
    """
    try:
        return run(image_size)
    except (RuntimeError, ValueError) as error:
        smallest = next((side for side in range(image_size + 1, LARGEST_TRIED + 1) if _works(run, side)), None)
        if smallest is None:
            raise
        raise ImageSizeError(
            f"{option} {image_size} is too small: use at least {smallest} with this pooling"
        ) from error


def _works(run: Callable[[int], object], side: int) -> bool:
    try:
        run(side)
    except (RuntimeError, ValueError):
        return False
    return True
