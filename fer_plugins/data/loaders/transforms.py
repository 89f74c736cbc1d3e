"""Applies augmentations to single images, with a seed, or to batches on the device, and checks their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from fer_plugins.contract import Batch, MixesBatch, SampleTransform
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.generators import kept_generators, seed_generators


@contextmanager
def seeded(seed: int, transform: SampleTransform) -> Iterator[None]:
    """Seed all generators that ``transform`` may use, and restore the global generators on exit.

    Otherwise, if batches are made in the main process, dropout would draw the same masks in every epoch.
    """
    with kept_generators():
        seed_generators(seed, transform)
        yield


def apply_transform(transform: SampleTransform, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the augmented image.

    Raises:
        InputError: The result is not a uint8 array of the same shape.
    """
    augmented = transform(image=image)["image"]
    if not (isinstance(augmented, np.ndarray) and augmented.dtype == np.uint8 and augmented.shape == image.shape):
        got = f"{augmented.dtype} {augmented.shape}" if isinstance(augmented, np.ndarray) else type(augmented).__name__
        raise InputError(f"augmentation {type(transform).__name__} returns {got} for an image uint8 {image.shape}")
    return augmented


def try_transform(transform: SampleTransform, image: npt.NDArray[np.uint8]) -> None:
    """Augment one image, so that errors appear before a worker raises them; random generators are not changed."""
    with seeded(0, transform):
        apply_transform(transform, image.copy())


def augment_batch(
    transform: nn.Module, image: Tensor, batch: Batch, shares: npt.NDArray[np.float64] | None, classes: int
) -> tuple[Tensor, Tensor | None]:
    """Return the augmented images, without gradients, and the targets (B, classes) if the transform mixes images.

    Args:
        transform: Batch transform; it is moved to the device of the images.
        image: (B, C, H, W) floats in [0, 1].
        batch: The batch that the images belong to.
        shares: (N, classes) target probabilities of the dataset; None for one-hot labels.
        classes: Number of classes.

    Raises:
        InputError: The transform changes the shape.
    """
    augmented: Any
    target = None
    with torch.no_grad():
        transform.to(image.device)
        if isinstance(transform, MixesBatch):
            if shares is None:
                target = one_hot(batch.label, classes).float()
            else:
                target = torch.from_numpy(shares[batch.index.cpu().numpy()]).to(batch.label.device, torch.float32)
            augmented, target = transform.mix(image, target)
        else:
            augmented = transform(image)
    if augmented.shape != image.shape:
        raise InputError(
            f"augmentation {type(transform).__name__} returns images {tuple(augmented.shape)} for images "
            f"{tuple(image.shape)}; the shape must stay"
        )
    return augmented, target
