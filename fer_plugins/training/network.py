"""Builds the architecture of a configuration; if it rejects the image size, finds the smallest size that works."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fer_plugins.config import RunConfig, copy_plain, registry
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.evaluating import evaluating

LARGEST_TRIED = 512  # pixels; upper limit of the search for the smallest valid image size


def build_network(config: RunConfig, num_classes: int, teacher: nn.Module | None = None) -> nn.Module:
    """Build the architecture of the configuration and check its logits for one image.

    Raises:
        InputError: the architecture rejects its options or the image size (the smallest valid size is named).
        PluginError: the logits have the wrong shape, or the result is not a module.
    """
    model, channels, size = config.model, config.data.channels, config.data.image_size
    name, pool = str(model.name), model.pool and model.pool.as_dict()
    options = {**copy_plain(model.options), "pool": pool, "teacher": teacher}

    def attempt(pixels: int) -> nn.Module:
        network: nn.Module = registry.build(
            "architecture", name, num_classes=num_classes, in_channels=channels, image_size=pixels, **options
        )
        _check_logits(network, name, (1, channels, pixels, pixels), num_classes)
        return network

    try:
        return attempt(size)
    except registry.PluginError:
        raise
    except InputError as error:
        if error.key == "image_size" or isinstance(error.__cause__, OSError):
            raise  # the message of the architecture is complete, or the cause is a file or the network connection
        smallest = _smallest_size(attempt, size)
        if smallest is None:
            raise
        raise InputError(
            f"data.image_size: {name} does not take {size} pixels; "
            f"the smallest size above that it takes is {smallest} ({error})"
        ) from error


def _smallest_size(attempt: Callable[[int], nn.Module], size: int) -> int | None:
    """Return the smallest image size above ``size`` that works, or None if the size is not the cause."""

    def works(pixels: int) -> bool:
        try:
            attempt(pixels)
        except InputError:
            return False
        return True

    with torch.random.fork_rng(devices=[]):
        doubled = [size * 2**times for times in range(1, 10) if size * 2**times <= LARGEST_TRIED] or [LARGEST_TRIED]
        upper = next((pixels for pixels in doubled if works(pixels)), None)
        if upper is None:  # no larger size works, so the size is not the cause
            return None
        near = next((pixels for pixels in range(size + 1, min(size + 33, upper)) if works(pixels)), None)
        if near is not None:
            return near
        multiple = next(pixels for pixels in (*range(size + 64, upper, 32), upper) if works(pixels))
        return next(pixels for pixels in range(max(multiple - 31, size + 1), multiple + 1) if works(pixels))


def _check_logits(network: nn.Module, name: str, shape: tuple[int, ...], num_classes: int) -> None:
    try:
        with evaluating(network), torch.no_grad():
            logits = network(torch.zeros(shape))
    except (RuntimeError, ValueError) as error:  # for example a feature map that is smaller than the kernel
        text = one_line(error)
        raise InputError(
            f"architecture {name} fails on an image of {shape[-1]} pixels: {text}", key=getattr(error, "key", None)
        ) from error
    if not isinstance(logits, Tensor) or logits.shape != (1, num_classes):
        returned = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        component = registry.find("architecture", name)
        raise registry.PluginError(
            f"{component}: forward returns {returned} for one image; the contract wants (1, {num_classes})"
        )
