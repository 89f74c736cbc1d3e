"""A trained network for prediction only: device, precision, logits of batches, predictions of a split."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer_plugins.data.loaders import wrap_images
from fer_plugins.data.preprocessing import to_float
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.sanity_checks import check_pairing
from fer_plugins.metrics.scorer import Scorer

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Split:
    """Images of a split or a part of it, in ascending order of their rows, read batch by batch.

    ``read`` maps a slice of 0..N-1 to uint8 images (B, S, S, C).
    """

    name: str  # "test", "val" or "train"
    rows: npt.NDArray[np.int64]  # (N,) rows of the sample table
    labels: npt.NDArray[np.int64]  # (N,)
    digests: npt.NDArray[np.str_]  # (N,) hashes of the pixels, which seed random changes of an image
    read: Callable[[slice], Images]
    batch: int = 128  # minimum number of images in a batch

    def __len__(self) -> int:
        return len(self.rows)

    def slices(self) -> Iterator[slice]:
        """Yield the slice of each batch; none is smaller than ``batch`` unless the whole split is.

        Libraries compute small batches differently from larger ones, and the last digits differ.
        """
        ends = np.linspace(0, len(self), max(1, len(self) // self.batch) + 1).round().astype(int).tolist()
        for start, end in itertools.pairwise(ends):
            yield slice(start, end)

    def batches(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield the slice and the images, (B, C, S, S) float32 in [0, 1], of each batch."""
        for place in self.slices():
            yield place, as_batch(self.read(place))


def as_batch(images: Images) -> Tensor:
    """Convert uint8 images (B, S, S, C) to float32 (B, C, S, S) in [0, 1]."""
    return to_float(wrap_images(images).permute(0, 3, 1, 2))


@dataclass
class Network:
    """A module in evaluation mode on its device.

    ``precision`` is that of the training (``trainer.precision``) if the device supports it, otherwise 32-true. Without
    a GPU a network that was trained with 16-mixed predicts in single precision.
    """

    module: nn.Module  # (B, C, S, S) in [0, 1] -> logits (B, K)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "32-true"

    def __post_init__(self) -> None:
        if (self.precision, self.device.type) == ("64-true", "mps") or (
            self.precision == "16-mixed" and self.device.type != "cuda"
        ):
            self.precision = "32-true"
        self.module.to(self.device, torch.float64 if self.precision == "64-true" else torch.float32).eval()

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits (B, K), float64 on the CPU, for images (B, C, S, S) in [0, 1]."""
        with torch.no_grad(), self._casting():
            answer: Tensor = self.module(self.place(images))
        return answer.double().cpu()

    def place(self, images: Tensor) -> Tensor:
        """Return the images on the device and in the precision of the module."""
        return images.to(self.device, torch.float64 if self.precision == "64-true" else torch.float32)

    def _casting(self) -> contextlib.AbstractContextManager[Any]:
        kinds = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}
        if self.precision not in kinds:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, kinds[self.precision])


def predict(ask: Callable[[Tensor], Tensor], split: Split, classes: list[str]) -> Predictions:
    """Return the predictions of a split, checked so that each is paired with the label of its own image.

    Args:
        ask: function from images (B, C, S, S) in [0, 1] to logits (B, K), such as ``Network.logits``.
        split: the images.
        classes: K names in label order.

    Raises:
        PairingError: see ``check_pairing``.
    """
    scorer = Scorer(classes)
    for place, images in split.batches():
        scorer.update(torch.from_numpy(split.rows[place]), ask(images), torch.from_numpy(split.labels[place]))
    predictions = scorer.predictions()
    check_pairing(predictions, split.rows, split.labels)
    return predictions


def collect_logits(network: Network, split: Split) -> npt.NDArray[np.float64]:
    """Return the logits (N, K) of a split, in the order of its rows."""
    logits: npt.NDArray[np.float64] = torch.cat([network.logits(images) for _, images in split.batches()]).numpy()
    return logits
