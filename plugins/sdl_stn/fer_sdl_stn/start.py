"""How the weights start, and how wrong choices are refused; shared by both networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import nn

from fer_sdl_stn.localisation import Localisation

Sizes = TypeVar("Sizes")
_LARGEST_TRIED = 128  # pixels a side; far above what either network needs


def start_weights(network: nn.Module, init: str) -> None:
    """Draw the weights N(0, 0.05) with zero biases (paper), or leave torch's start; then the identity of Eq. 1."""
    if init == "paper":
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.05)
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, Localisation):
            module.start()


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise ValueError where ``value`` of option ``name`` is none of ``known``."""
    if value not in known:
        raise ValueError(f"{name} is {value!r}; use one of {', '.join(known)}")


def measure(trace: Callable[[int], Sizes], image_size: int) -> Sizes:
    """Return ``trace(image_size)``, the sizes of the flattened maps.

    Raises:
        ValueError: a map becomes smaller than the window that comes next; names the smallest size that serves.
    """
    try:
        return trace(image_size)
    except (RuntimeError, ValueError) as error:
        for larger in range(image_size + 1, _LARGEST_TRIED + 1):
            try:
                trace(larger)
            except (RuntimeError, ValueError):
                continue
            raise ValueError(
                f"image_size {image_size} is too small: use at least {larger} with this pooling"
            ) from error
        raise
