"""For plug-ins: measures the size of flattened layers with one image, and names the smallest image size that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from fer_plugins.contract import ImageSizeError
from fer_plugins.runtime.evaluating import evaluating

Sizes = TypeVar("Sizes")
LARGEST_TRIED = 256  # pixels a side; where the search for the smallest size that serves ends


def flattened_size(layers: nn.Module, in_channels: int, image_size: int, option: str = "image_size") -> int:
    """Return the length of what ``layers`` make of one image (1, in_channels, image_size, image_size), flattened.

    The layers are run in evaluation mode and without gradients, so their statistics stay as they are.

    Args:
        layers: the layers in front of the first dense one.
        in_channels: image channels.
        image_size: side of the square images in pixels.
        option: name of ``image_size`` in the error.

    Raises:
        ValueError: a map becomes smaller than the next window; names the smallest size that works.
    """

    def run(side: int) -> int:
        length: int = layers(torch.zeros(1, in_channels, side, side)).numel()
        return length

    with evaluating(layers), torch.no_grad():
        return fit(run, image_size, option)


def fit(run: Callable[[int], Sizes], image_size: int, option: str = "image_size") -> Sizes:
    """Return ``run(image_size)``; if that fails and a larger image works, the error names the smallest that does.

    Args:
        run: takes a side in pixels; raises RuntimeError or ValueError if it is too small.
        image_size: side in pixels.
        option: name of the size in the error.

    Raises:
        ValueError: the size is too small; one line that names the smallest that works.
        RuntimeError: raised by ``run`` for another reason than the size.
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
