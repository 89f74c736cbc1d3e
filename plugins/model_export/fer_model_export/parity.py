"""Compares an exported network with the one that it was made of, image by image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_plugins.analysis.network import Network, Split, as_batch
from fer_plugins.runtime.errors import RunError

LARGEST_GAP = 1e-4  # of a probability

Probabilities = npt.NDArray[np.float64]
Answer = Callable[[npt.NDArray[np.uint8]], Probabilities]  # images (B, S, S, C) -> (B, K)


@dataclass(frozen=True)
class Parity:
    """How far two networks agree on the same images."""

    images: int
    same_class: int  # images of which both predict the same class
    largest_gap: float  # between two probabilities of the same class of the same image

    @property
    def holds(self) -> bool:
        """Whether every image has the same class and no gap is larger than 1e-4."""
        return self.same_class == self.images and self.largest_gap <= LARGEST_GAP

    def describe(self) -> str:
        """Return the comparison in a few words."""
        share = "all" if self.same_class == self.images else f"{self.same_class:,} of"
        return f"same class on {share} {self.images:,} images, largest gap of a probability {self.largest_gap:.1e}"


def compare(first: Probabilities, second: Probabilities) -> Parity:
    """Compare probabilities (N, K) of the same images."""
    gap = np.abs(first - second)
    same = int((first.argmax(1) == second.argmax(1)).sum())
    return Parity(len(first), same, float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0)))


def answer_all(answer: Answer, images: Split) -> Probabilities:
    """Return the probabilities (N, K) of all images, batch by batch."""
    return np.concatenate([answer(images.read(place)) for place in images.slices()])


def of_network(network: Network) -> Answer:
    """Return what a network on the CPU answers, as ``answer_all`` takes it."""
    return lambda images: network.logits(as_batch(images)).softmax(1).numpy()


def check_parity(what: str, reference: Probabilities, answer: Answer, images: Split) -> Parity:
    """Compare an export with the network on all images, and on the first of them alone, as a camera would ask.

    Raises:
        RunError: a class differs, or a probability by more than 1e-4.
    """
    parity = compare(reference, answer_all(answer, images))
    if parity.holds:
        alone = compare(reference[:1], answer(images.read(slice(0, 1))))
        parity = parity if alone.holds else alone
    if not parity.holds:
        raise RunError(f"{what} is not the network: {parity.describe()}, at most {LARGEST_GAP:g} is allowed")
    return parity
