"""Compare an exported network with the run, image by image: on the validation split or on synthetic faces."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_plugins.analysis.network import Network, Split, as_batch
from fer_plugins.config import registry
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.runtime.errors import RunError

LARGEST_GAP = 1e-4  # of a probability

Probabilities = npt.NDArray[np.float64]
Predict = Callable[[npt.NDArray[np.uint8]], Probabilities]  # images (B, S, S, C) -> (B, K)


@dataclass(frozen=True)
class Parity:
    """Agreement of two networks on the same images."""

    images: int
    same_class: int  # number of images for which both predict the same class
    largest_gap: float  # between two probabilities of the same class of the same image

    @property
    def holds(self) -> bool:
        """Whether all images have the same class and no difference of probabilities is larger than 1e-4."""
        return self.same_class == self.images and self.largest_gap <= LARGEST_GAP

    def describe(self) -> str:
        """Return the comparison as text."""
        share = "all" if self.same_class == self.images else f"{self.same_class:,} of"
        return f"same class on {share} {self.images:,} images, largest gap of a probability {self.largest_gap:.1e}"


def compare(first: Probabilities, second: Probabilities) -> Parity:
    """Compare probabilities (N, K) of the same images."""
    gap = np.abs(first - second)
    same = int((first.argmax(1) == second.argmax(1)).sum())
    return Parity(len(first), same, float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0)))


def predict_all(predict: Predict, images: Split) -> Probabilities:
    """Return the probabilities (N, K) of all images, computed in batches."""
    return np.concatenate([predict(images.read(place)) for place in images.slices()])


def network_predictor(network: Network) -> Predict:
    """Return a function that predicts with a network on the CPU."""
    return lambda images: network.logits(as_batch(images)).softmax(1).numpy()


def check_parity(export: str, reference: Probabilities, predict: Predict, images: Split) -> Parity:
    """Compare an export with the network on all images, and on the first of them alone (batch size 1).

    Raises:
        RunError: a class differs, or a probability by more than 1e-4.
    """
    parity = compare(reference, predict_all(predict, images))
    if parity.holds:
        alone = compare(reference[:1], predict(images.read(slice(0, 1))))
        parity = parity if alone.holds else alone
    if not parity.holds:
        raise RunError(f"{export} is not the network: {parity.describe()}, at most {LARGEST_GAP:g} is allowed")
    return parity


SMALLEST_FACE = 24  # pixels; the minimum of the synthetic dataset


def synthetic_faces(number: int, preprocessing: Preprocessing) -> Split:
    """Return synthetic faces, preprocessed for the network; if there are several, the last is black.

    Real datasets have blank images, and only on these a network that divides by image statistics shows an error.
    """
    side = max(SMALLEST_FACE, preprocessing.image_size)
    unit = 63  # images of 3 subjects, 7 classes and 3 frames: the smallest dataset
    samples = math.ceil(number / unit) * unit
    faces = registry.build(
        "dataset", "synthetic", samples=samples, subjects=3, image_size=side, channels=preprocessing.channels
    )
    order = np.linspace(0, samples - 1, number).round().astype(int)
    images = np.stack([preprocessing.fit(faces[int(place)]) for place in order])
    images[1:][-1:] = 0
    return Split(
        "synthetic", np.arange(number), np.zeros(number, dtype=np.int64), np.full(number, ""), images.__getitem__, 16
    )
