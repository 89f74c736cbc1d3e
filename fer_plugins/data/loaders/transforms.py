"""Applies sample transforms: seeded, and with their answer checked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from fer_plugins.contract import SampleTransform
from fer_plugins.runtime.errors import InputError


@contextmanager
def seeded(seed: int, transform: SampleTransform) -> Iterator[None]:
    """Seed everything that ``transform`` may draw from, and put the process's own generators back afterwards.

    Without that, dropout would draw the same masks in every epoch where the batch is made in the main process.
    """
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed the accelerators
        if hasattr(transform, "set_random_state"):
            # One stream for all the parts of an albumentations Compose. Its set_random_seed gives every part the same
            # seed, so that two parts of probability 0.5 are applied together always or not at all.
            transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        elif hasattr(transform, "set_random_seed"):
            transform.set_random_seed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)


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
