"""Test-time augmentation: mean prediction over several views of an image, reported next to the plain prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fer_plugins.analysis.network import Network, Split, predict
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scores import score
from fer_robustness_tests.measured import measure_means

MARGIN = 1 / 7  # enlargement before five crops, relative to the side: 224 to 256, as in Krizhevsky et al. 2012


def flip(images: Tensor) -> list[Tensor]:
    """Return images (B, C, S, S) and their mirror images."""
    return [images, images.flip(-1)]


def five_crop(images: Tensor) -> list[Tensor]:
    """Return the four corner crops and the centre crop, S x S each, of images (B, C, S, S) enlarged by a seventh.

    Images are enlarged bilinearly to S + round(S / 7) pixels, so that a crop shows seven eighths of each side.
    """
    side = images.shape[-1]
    margin = round(side * MARGIN)
    large = F.interpolate(images, (side + margin, side + margin), mode="bilinear", align_corners=False)
    corners = [(top, left) for top in (0, margin) for left in (0, margin)]
    return [
        large[..., top : top + side, left : left + side].contiguous()
        for top, left in (*corners, (margin // 2, margin // 2))
    ]


def ten_crop(images: Tensor) -> list[Tensor]:
    """Return ``five_crop`` of images (B, C, S, S), and the mirror images of those."""
    crops = five_crop(images)
    return crops + [crop.flip(-1) for crop in crops]


WAYS: dict[str, Callable[[Tensor], list[Tensor]]] = {"flip": flip, "five_crop": five_crop, "ten_crop": ten_crop}


def average(network: Network, images: Tensor, views: Callable[[Tensor], list[Tensor]]) -> Tensor:
    """Return the logarithm (B, K) of the mean softmax over the views of images (B, C, S, S)."""
    probabilities = torch.stack([network.logits(view).softmax(1) for view in views(images)])
    return probabilities.mean(0).clamp_min(torch.finfo(torch.float64).tiny).log()


def measure_tta(
    network: Network, split: Split, classes: list[str], plain: Predictions, way: str, seed: int
) -> dict[str, Any]:
    """Score the mean softmax over the views of each image (assumed: mean of probabilities, not of logits).

    ``plain`` are the predictions for the same images without augmentation; ``way`` is a name in ``WAYS``.

    Returns:
        ``views`` (number of views), ``scores`` (as ``metrics.scores.score``), ``accuracy_gain`` and ``loss_gain`` over
        the plain predictions (paired; a negative loss gain is better). Intervals of the gains: bootstrap over images.
    """
    views = WAYS[way]
    mean = predict(lambda images: average(network, images, views), split, classes)
    gains = {
        "accuracy_gain": (mean.predicted == mean.label).astype(np.float64) - (plain.predicted == plain.label),
        "loss_gain": mean.loss - plain.loss,
    }
    view_count = len(views(torch.zeros(1, 1, 8, 8)))
    return {"views": view_count, "scores": score(mean, classes, seed=seed), **measure_means(gains, seed)}
