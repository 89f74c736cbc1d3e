"""Applies sample transforms: seeded, and with their answer checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SampleTransform
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.generators import kept_generators, seed_generators


@contextmanager
def seeded(seed: int, transform: SampleTransform) -> Iterator[None]:
    """Seed everything that ``transform`` may draw from, and put the process's own generators back afterwards.

    Without that, dropout would draw the same masks in every epoch where the batch is made in the main process.
    """
    with kept_generators():
        seed_generators(seed, transform)
        yield


def apply_transform(transform: SampleTransform, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the augmented image; the transform's answer is checked.

    Raises:
        InputError: it is not a uint8 array of the same shape.
    """
    changed = transform(image=image)["image"]
    if not (isinstance(changed, np.ndarray) and changed.dtype == np.uint8 and changed.shape == image.shape):
        got = f"{changed.dtype} {changed.shape}" if isinstance(changed, np.ndarray) else type(changed).__name__
        raise InputError(f"augmentation {type(transform).__name__} returns {got} for an image uint8 {image.shape}")
    return changed


def try_transform(transform: SampleTransform, image: npt.NDArray[np.uint8]) -> None:
    """Apply ``transform`` once, to a copy: an error in a worker would reach the user as a traceback.

    Raises:
        InputError: it does not answer with a uint8 array of the same shape.
    """
    with seeded(0, transform):
        apply_transform(transform, image.copy())
