"""Finds near copies: the same image flipped, shifted, cropped, recompressed, or with changed brightness."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer_plugins.data.copies.alignment import align
from fer_plugins.data.copies.candidates import BORDER, SIDE, SIGMA, Floats, Rows, propose_pairs
from fer_plugins.data.images import fit_image
from fer_plugins.runtime.activity import doing

MOST_DIFFERENCE = 0.6  # pixels; maximum difference of a near copy, chosen from the distributions in docs/audit.md
LEAST_DEVIATION = 2.0  # grey levels; an image with a smaller standard deviation is blank
_BLOCK = 4096  # images per block


@dataclass(frozen=True)
class NearCopies:
    """Pairs of images that show the same, each pair once; every column has one entry per pair.

    Among images that are identical after fitting to 48 x 48 grey pixels, only the first is searched; the others are
    paired with it (difference 0).
    """

    size: int  # number of images that were searched
    first: Rows  # row of the first image
    second: Rows  # row of the second image
    difference: Floats  # pixels, at most MOST_DIFFERENCE; see alignment.align
    flipped: npt.NDArray[np.bool_]  # flipped horizontally
    shift: Floats  # (P, 2) pixels down and right by which the first image was moved, after flipping
    zoom: Floats  # scale of the first image relative to the second
    gain: Floats  # contrast of the first image relative to the second
    offset: Floats  # grey levels: first = gain * second + offset
    blank: Rows  # nearly constant images, not searched
    flat_centre: Rows  # images that are nearly constant in their centre only, not searched either

    def __len__(self) -> int:
        return len(self.first)

    def take(self, index: Rows) -> NearCopies:
        """Return the pairs with these indices, in this order."""
        columns = ("first", "second", "difference", "flipped", "shift", "zoom", "gain", "offset")
        return replace(self, **{name: getattr(self, name)[index] for name in columns})

    def kinds(self) -> list[str]:
        """Return for each pair how its images differ, such as "flip" or "shift + brightness"."""
        changed = {
            "flip": self.flipped,
            "crop": np.abs(self.zoom - 1) > 0.02,
            "shift": np.abs(self.shift).max(axis=1, initial=0) > 0.5,
            "brightness": (np.abs(self.gain - 1) > 0.1) | (np.abs(self.mean_change()) > 5),
        }
        names = [" + ".join(name for name, column in changed.items() if column[i]) for i in range(len(self))]
        return [
            name or ("same pixels" if difference == 0 else "recompressed")
            for name, difference in zip(names, self.difference, strict=True)
        ]

    def mean_change(self) -> Floats:
        """Return by how many grey levels medium grey (128) of the second image is brighter in the first: (P,)."""
        return (self.gain - 1) * 128 + self.offset

    def components(self) -> Rows:
        """Return a group number for every image, (size,); images linked by a chain of pairs have the same number."""
        links = coo_array((np.ones(len(self)), (self.first, self.second)), shape=(self.size, self.size))
        group: Rows = connected_components(links, directed=False)[1].astype(np.int64)
        return group


def count_between(group: Rows, splits: Mapping[str, Rows]) -> dict[tuple[str, str], tuple[int, int]]:
    """Count the groups that each two splits have in common.

    Args:
        group: Group number of each image, (N,).
        splits: Name -> rows.

    Returns:
        (first, second) -> (number of groups with images in both splits, number of images of ``second`` in such groups),
        except for two splits with the same rows.
    """
    counted = {}
    for first, second in itertools.combinations(splits, 2):
        if not np.array_equal(splits[first], splits[second]):
            shared = np.intersect1d(group[splits[first]], group[splits[second]])
            counted[first, second] = len(shared), int(np.isin(group[splits[second]], shared).sum())
    return counted


def find_near_copies(images: npt.NDArray[np.uint8]) -> NearCopies:
    """Find the pairs of images that show the same: flipped, shifted, cropped, recompressed or with changed brightness.

    Images (N, S, S, C), with C 1 or 3, are compared as 48 x 48 grey pixels, within their central 36 x 36 pixels; nearly
    constant ones are left out. A nearest-neighbour search selects the pairs to compare (``candidates``), and an exact
    alignment decides which are copies (``alignment``). The result is deterministic. Images are read in blocks, so they
    may be memory-mapped.
    """
    small = _fit(images)
    deviation, in_centre = _measure_deviation(small)
    original = _first_of_equals(small)
    blank, again = deviation < LEAST_DEVIATION, original != np.arange(len(small))
    flat_centre = ~blank & (in_centre < LEAST_DEVIATION)
    rows = np.flatnonzero(~(blank | again | flat_centre))
    searched = small if len(rows) == len(small) else small[rows]
    with doing(f"searching near copies among {len(searched):,} images"):
        pairs = propose_pairs(searched)
    with doing(f"comparing {len(pairs.first):,} pairs of images that might be copies"):
        aligned = align(searched, pairs)
    # A symmetric image is a copy both flipped and not flipped: the smaller difference counts.
    order = np.argsort(aligned.difference, kind="stable")
    order = order[aligned.difference[order] <= MOST_DIFFERENCE]
    low, high = np.minimum(pairs.first, pairs.second)[order], np.maximum(pairs.first, pairs.second)[order]
    order = order[np.unique(low * len(rows) + high, return_index=True)[1]]
    same = np.flatnonzero(again & ~blank)
    zeros, ones = np.zeros(len(same), np.float32), np.ones(len(same), np.float32)
    return NearCopies(
        size=len(small),
        first=np.concatenate([original[same], rows[pairs.first[order]]]),
        second=np.concatenate([same, rows[pairs.second[order]]]),
        difference=np.concatenate([zeros, aligned.difference[order]]),
        flipped=np.concatenate([zeros > 0, pairs.flipped[order]]),
        shift=np.concatenate(
            [np.zeros((len(same), 2), np.float32), np.stack([aligned.down, aligned.right], axis=1)[order]]
        ),
        zoom=np.concatenate([ones, aligned.zoom[order]]),
        gain=np.concatenate([ones, aligned.gain[order]]),
        offset=np.concatenate([zeros, aligned.offset[order]]),
        blank=np.flatnonzero(blank),
        flat_centre=np.flatnonzero(flat_centre),
    )


def _fit(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the images as (N, 48, 48) grey; images of this size are not copied."""
    if images.shape[1:] == (SIDE, SIDE, 1):
        return images[..., 0]
    small = np.empty((len(images), SIDE, SIDE), np.uint8)
    for row, image in enumerate(images):
        small[row] = fit_image(np.asarray(image), SIDE, 1)[..., 0]
    return small


def _measure_deviation(small: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Return the standard deviation of each image and of its smoothed centre, which noise does not increase."""
    deviation, centre = np.empty(len(small), np.float32), np.empty(len(small), np.float32)
    for start in range(0, len(small), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = small[rows].astype(np.float32)
        deviation[rows] = block.std(axis=(1, 2))
        smooth = gaussian_filter(block, (0, SIGMA, SIGMA), mode="nearest")
        centre[rows] = smooth[:, BORDER:-BORDER, BORDER:-BORDER].std(axis=(1, 2))
    return deviation, centre


def _first_of_equals(small: npt.NDArray[np.uint8]) -> Rows:
    """Return for every image the row of the first image with the same pixels."""
    first_rows: dict[bytes, int] = {}
    keys = (hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in small)
    return np.array([first_rows.setdefault(key, row) for row, key in enumerate(keys)], dtype=np.int64)
