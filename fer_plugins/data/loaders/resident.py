"""Batches gathered in one step from images in memory, on the CPU or a CUDA device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fer_plugins.contract import Batch
from fer_plugins.data.loaders.order import EpochOrder, Rows
from fer_plugins.runtime.errors import InputError

Epoch = Callable[[], int]


def wrap_images(images: npt.NDArray[np.uint8]) -> Tensor:
    """Return a tensor (N, S, S, C) that shares the memory of ``images``; it must not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images)


def check_device(name: str) -> torch.device:
    """Return the device that holds the images.

    Raises:
        InputError: It is neither the CPU nor an available CUDA device.
    """
    if name == "cpu" or (name.split(":")[0] == "cuda" and torch.cuda.is_available()):
        return torch.device(name)
    raise InputError(f"data.resident_device is {name}; give cpu, or cuda where there is a CUDA device")


def place_images(images: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return the images as a tensor (N, S, S, C), on a CUDA device if they take at most half of its free memory."""
    tensor = wrap_images(images)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if images.nbytes <= free / 2:  # assumed: the network, gradients and activations need the rest
            return tensor.to(device)
    return tensor


class ResidentLoader:
    """Iterates over :class:`~fer_plugins.contract.Batch`, each gathered in one step from images in memory.

    Every row occurs once per epoch (more often if ``oversample`` repeats it), in batches of ``batch_size`` and a
    shorter last one; processes that train together share them as described in :class:`EpochOrder`. Batches are on the
    device of ``images``; ``image`` is uint8 (B, C, S, S), in the channels-last memory format if it has three channels.

    Args:
        images: (N, S, S, C) uint8.
        labels: (N,) int64.
        rows: (n,) int64, the rows that this loader yields.
        batch_size: Images per batch, at least 1.
        shuffle: Whether the order of each epoch is drawn at random, depending on ``seed`` and the epoch.
        seed: Seed of the run.
        epoch: Returns the index of the epoch; called when the first batch is fetched, because Lightning creates the
            first iterator of a resumed run before it knows the epoch.
        oversample: Whether samples of smaller classes are repeated up to the size of the largest; only if ``shuffle``.
    """

    def __init__(
        self,
        images: Tensor | npt.NDArray[np.uint8],
        labels: Tensor | Rows,
        rows: Tensor | Rows,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        epoch: Epoch,
        oversample: bool = False,
    ) -> None:
        images = images if isinstance(images, Tensor) else wrap_images(images)
        count, height, width, channels = images.shape
        self._grey = channels == 1
        # Grey images are viewed as (N, 1, H, W), so that a batch need not be permuted.
        self._images = images.view(count, 1, height, width) if self._grey else images
        self._rows = torch.as_tensor(rows).to(images.device)
        self._labels = torch.as_tensor(labels).to(images.device)[self._rows]
        self.order = EpochOrder(self._labels, batch_size=batch_size, shuffle=shuffle, seed=seed, oversample=oversample)
        self._epoch, self.batch_size = epoch, batch_size

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        rows, labels = self._rows, self._labels
        order = self.order.draw(self._epoch())
        if order is not None:
            order = order.to(rows.device)
            rows, labels = rows[order], labels[order]
        for place in self.order.slices():
            index = rows[place]
            image = self._images.index_select(0, index)
            yield Batch(index, image if self._grey else image.permute(0, 3, 1, 2), labels[place])
