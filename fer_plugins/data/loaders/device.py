"""Applies batch augmentations on the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from fer_plugins.contract import Batch, Dataset, MixesBatch
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError


class BatchTransform:
    """Applies a batch transform of (B, C, H, W) floats in [0, 1] on the device, and checks its answer."""

    def __init__(self, transform: nn.Module) -> None:
        self._transform = transform
        self._device: torch.device | None = None

    @property
    def mixes(self) -> bool:
        """Whether the transform changes the targets with the images."""
        return isinstance(self._transform, MixesBatch)

    def __call__(self, image: Tensor, target: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the augmented images, without gradients, and the targets, changed where the transform mixes images.

        Args:
            image: (B, C, H, W) floats in [0, 1].
            target: (B, classes) shares that sum to 1; needed where the transform mixes images.

        Raises:
            InputError: the transform changes the shape.
        """
        if self._device != image.device:
            self._transform.to(image.device)
            self._device = image.device
        with torch.no_grad():
            changed: Any
            if isinstance(self._transform, MixesBatch) and target is not None:
                changed, target = self._transform.mix(image, target)
            else:
                changed = self._transform(image)
        if changed.shape != image.shape:
            raise InputError(
                f"augmentation {type(self._transform).__name__} returns images {tuple(changed.shape)} for images "
                f"{tuple(image.shape)}; the shape must stay"
            )
        augmented: Tensor = changed
        return augmented, target


def shares_of(batch: Batch, table: SampleTable, dataset: Dataset, classes: int) -> Tensor:
    """Return the targets of a batch as shares per class (B, K): the dataset's own, or 1 for the label."""
    if table.target is None or getattr(dataset, "target_mode", None) != "distribution":
        return one_hot(batch.label, classes).float()
    shares = table.target[batch.index.cpu().numpy()]
    return torch.from_numpy(shares).to(batch.label.device, torch.float32)


def check_device(name: str) -> torch.device:
    """Return the device that images are held on.

    Raises:
        InputError: it is neither the CPU nor a CUDA device that is there.
    """
    if name == "cpu" or (name.split(":")[0] == "cuda" and torch.cuda.is_available()):
        return torch.device(name)
    raise InputError(f"data.resident_device is {name}; give cpu, or cuda where there is a CUDA device")
