"""Shift consistency: whether the prediction is unchanged if the image is shifted by a few pixels (Zhang 2019).

R. Zhang, "Making convolutional networks shift-invariant again", ICML 2019, section 4: pooling that subsamples without a
low-pass filter makes predictions depend on the position modulo the stride.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fer_plugins.analysis.network import Network, Split
from fer_robustness_tests.measured import measure_means, measure_share

LARGEST = 4  # pixels
OFFSETS = tuple((down, right) for down in range(-LARGEST, LARGEST + 1) for right in range(-LARGEST, LARGEST + 1))
_STILL = OFFSETS.index((0, 0))
_DISTANCE = np.abs(np.array(OFFSETS)).max(1)  # (81,) pixels: the larger of the two offsets

Mover = Callable[[Tensor], Callable[[int, int], Tensor]]


def measure_shift(network: Network, split: Split, seed: int) -> dict[str, Any]:
    """Shift every image by every offset of up to 4 pixels down, up, right and left (80 offsets), in two ways.

    ``zero``: uncovered pixels are filled with 0 (black), pixels outside the frame are lost; the reference is the
    original image. ``crop``: see ``move_crop``; the reference is the central crop.

    Returns:
        For each way: ``reference_accuracy`` (of the unshifted images); by distance k ("1" to "4", the larger of the two
        offsets in pixels: 8 k offsets; "all": all 80) ``consistency``, the fraction of predictions equal to that of the
        unshifted image, ``probability_change``, the mean absolute change of the probability of the class predicted
        without shift, and ``accuracy``; and ``consistency_of_pairs``, the fraction of pairs of different positions (of
        all 81) with the same prediction, which is Zhang's consistency on these offsets. Intervals: bootstrap over
        images.
    """
    return {"zero": _measure(network, split, move_zero, seed), "crop": _measure(network, split, move_crop, seed)}


def move_zero(images: Tensor) -> Callable[[int, int], Tensor]:
    """Return a function that shifts images (B, C, S, S) down and to the right by whole pixels, filling with 0."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (LARGEST, LARGEST, LARGEST, LARGEST))
    return lambda down, right: _window(padded, LARGEST - down, LARGEST - right, height, width)


def move_crop(images: Tensor) -> Callable[[int, int], Tensor]:
    """Return a function that shifts images (B, C, S, S) without introducing a border.

    The images are enlarged once to a side of S + 8 pixels (bilinear, half-pixel centres), and every position is a crop
    of S x S pixels of that: offset (0, 0) is the central crop, (d, r) begins d pixels further up and r pixels further
    left. Positions thus differ by whole pixels of the enlarged image, not by resampling.
    """
    height, width = images.shape[-2:]
    large = F.interpolate(images, (height + 2 * LARGEST, width + 2 * LARGEST), mode="bilinear", align_corners=False)
    return lambda down, right: _window(large, LARGEST - down, LARGEST - right, height, width)


def _window(large: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    return large[..., top : top + height, left : left + width].contiguous()


def _measure(network: Network, split: Split, mover: Mover, seed: int) -> dict[str, Any]:
    predicted = np.empty((len(split), len(OFFSETS)), dtype=np.int64)
    probability = np.empty((len(split), len(OFFSETS)))  # of the class predicted without shift
    for place, images in split.batches():
        move = mover(images)
        still = network.logits(move(0, 0))
        reference = still.argmax(1, keepdim=True)
        for number, (down, right) in enumerate(OFFSETS):
            logits = still if number == _STILL else network.logits(move(down, right))
            predicted[place, number] = logits.argmax(1).numpy()
            probability[place, number] = torch.softmax(logits, 1).gather(1, reference)[:, 0].numpy()
    same = predicted == predicted[:, [_STILL]]
    change = np.abs(probability - probability[:, [_STILL]])
    right_ones = predicted == split.labels[:, None]
    columns = {}
    for name, chosen in (*((str(k), _DISTANCE == k) for k in range(1, LARGEST + 1)), ("all", _DISTANCE > 0)):
        columns[f"consistency {name}"] = same[:, chosen].mean(1)
        columns[f"probability_change {name}"] = change[:, chosen].mean(1)
        columns[f"accuracy {name}"] = right_ones[:, chosen].mean(1)
    columns["consistency_of_pairs"] = _agreeing_pairs(predicted)
    measured = measure_means(columns, seed)
    figures: dict[str, Any] = {"reference_accuracy": measure_share(right_ones[:, _STILL])}
    figures["consistency_of_pairs"] = measured.pop("consistency_of_pairs")
    for name, value in measured.items():
        quantity, _, distance = name.partition(" ")
        figures.setdefault(quantity, {})[distance] = value
    return figures


def _agreeing_pairs(predicted: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return for each row of ``predicted`` (N, P) the fraction of pairs of different columns that are equal."""
    positions = predicted.shape[1]
    votes = (predicted[:, :, None] == np.arange(predicted.max() + 1)).sum(1)  # (N, K)
    agreeing: np.ndarray[Any, np.dtype[np.float64]] = (votes * (votes - 1)).sum(1) / (positions * (positions - 1))
    return agreeing
