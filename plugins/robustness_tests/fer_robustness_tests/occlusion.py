"""Accuracy on partially covered faces: eyes, mouth, halves, random boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from fer_plugins.analysis.network import Network, Split
from fer_plugins.runtime.seeds import derive
from fer_robustness_tests.measured import measure_means, measure_share

Region = tuple[float, float, float, float]  # top, bottom, left, right, as fractions of the image

# assumed: positions of eyes and mouth in a face that fills the image, as in FER2013; wide enough for a head that is
# tilted or not quite centred. Left and right are those of the picture, not of the person.
REGIONS: dict[str, Region] = {
    "eyes": (0.20, 0.50, 0.05, 0.95),
    "mouth": (0.62, 0.95, 0.20, 0.80),
    "left_half": (0.0, 1.0, 0.0, 0.5),
    "right_half": (0.0, 1.0, 0.5, 1.0),
    "upper_half": (0.0, 0.5, 0.0, 1.0),
    "lower_half": (0.5, 1.0, 0.0, 1.0),
}
BOX_SIDES = (0.25, 0.35, 0.5)  # assumed: as a fraction of the image's side
BOXES = 4  # assumed: number of positions of each box size in each image


def cover(images: Tensor, region: Region) -> Tensor:
    """Return copies of images (B, C, S, S) with a region filled with each image's mean colour.

    assumed: the mean of the whole image, which preserves its brightness. The bounds of a region are rounded to the
    nearest pixel.
    """
    side = images.shape[-1]
    top, bottom, left, right = (round(fraction * side) for fraction in region)
    covered = images.clone()
    covered[..., top:bottom, left:right] = images.mean((2, 3), keepdim=True)
    return covered


def measure_occlusion(network: Network, split: Split, seed: int) -> dict[str, Any]:
    """Score every image with each region of ``REGIONS`` covered, and with randomly placed boxes of ``BOX_SIDES``.

    The positions of the boxes depend only on ``seed`` and the image's pixels.

    Returns:
        ``plain`` (accuracy of the whole images, Wilson), ``covers``: name -> ``region`` (or ``side`` and ``boxes``),
        ``accuracy``, ``drop`` (plain minus accuracy, paired) and ``unchanged``, the fraction of unchanged predictions.
        Intervals: bootstrap over images.
    """
    named = list(REGIONS)
    boxes = [f"box_{side:g}" for side in BOX_SIDES]
    hits = {name: np.zeros(len(split)) for name in named + boxes}
    stays = {name: np.zeros(len(split)) for name in named + boxes}
    plain = np.zeros(len(split), dtype=bool)
    for place, images in split.batches():
        labels = split.labels[place]
        reference = _answer(network, images)
        plain[place] = reference == labels
        for name in named:
            predicted = _answer(network, cover(images, REGIONS[name]))
            hits[name][place], stays[name][place] = predicted == labels, predicted == reference
        for name, side in zip(boxes, BOX_SIDES, strict=True):
            for number in range(BOXES):
                seeds = [derive(seed, name, number, str(digest)) for digest in split.digests[place]]
                predicted = _answer(network, cover_boxes(images, side, seeds))
                hits[name][place] += (predicted == labels) / BOXES
                stays[name][place] += (predicted == reference) / BOXES
    columns = {f"accuracy {name}": hit for name, hit in hits.items()}
    columns |= {f"drop {name}": plain - hit for name, hit in hits.items()}
    columns |= {f"unchanged {name}": stay for name, stay in stays.items()}
    measured = measure_means(columns, seed)
    covers: dict[str, Any] = {name: {"region": list(REGIONS[name])} for name in named}
    covers |= {name: {"side": side, "boxes": BOXES} for name, side in zip(boxes, BOX_SIDES, strict=True)}
    for name, values in covers.items():
        values |= {quantity: measured[f"{quantity} {name}"] for quantity in ("accuracy", "drop", "unchanged")}
    return {"plain": measure_share(plain), "fill": "the image's mean colour", "covers": covers}


def cover_boxes(images: Tensor, side: float, seeds: list[int]) -> Tensor:
    """Return copies of images (B, C, S, S), each with a square of ``side`` (fraction) covered, placed by its seed."""
    pixels = images.shape[-1]
    size = max(1, round(side * pixels))
    covered = images.clone()
    for number, seed in enumerate(seeds):
        top, left = np.random.default_rng(seed).integers(pixels - size + 1, size=2)
        mean = images[number].mean((1, 2), keepdim=True)
        covered[number, :, top : top + size, left : left + size] = mean
    return covered


def _answer(network: Network, images: Tensor) -> npt.NDArray[np.int64]:
    predicted: npt.NDArray[np.int64] = network.logits(images).argmax(1).numpy()
    return predicted
