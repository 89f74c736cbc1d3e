"""Finds candidate pairs of near copies: nearest neighbours of small thumbnails, then a first-order alignment."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from sklearn.neighbors import NearestNeighbors

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

SIDE = 48  # pixels; image size used here and in ``alignment``
BORDER = 6  # pixels left out on every side, because shifts fill them and crops remove them
SIGMA = 2.0  # pixels; with this smoothing, a displacement of 1 px hardly changes a thumbnail
THUMBNAIL = np.linspace(BORDER, SIDE - 1 - BORDER, 8).round().astype(np.int64)  # rows and columns of a thumbnail
# The query is moved by each of these (down, right). Each pair is searched from both of its images, which covers the
# opposite moves, too; every shift of up to 2 px in x and y is within 2 px of one of them.
MOVES = ((0, 0), (2, 2), (2, -2))
MOST_DIFFERENCE = 2.0  # pixels, as in alignment.align but to first order; see docs/audit.md
_BLOCK = 4096  # images per block
_NEIGHBOURS = 8  # per query, including itself; larger groups of copies are found as chains of pairs


class Pairs(NamedTuple):
    """Pairs of rows; moving the (mirrored) first image by (down, right) brings it close to the second."""

    first: Rows
    second: Rows
    flipped: npt.NDArray[np.bool_]
    down: Floats  # pixels
    right: Floats  # pixels

    def take(self, index: npt.NDArray[Any]) -> Pairs:
        """Return the pairs with these indices, in this order."""
        return Pairs(*(column[index] for column in self))


def propose_pairs(images: npt.NDArray[np.uint8]) -> Pairs:
    """Return the pairs that should be aligned exactly, each at most once mirrored and once not mirrored.

    Every image (48 x 48, not flat in its centre) is moved by each of ``MOVES``, both as it is and mirrored. Of its
    nearest thumbnails, those are kept whose thumbnail, two spatial derivatives and derivative with respect to scale
    together explain the query, up to the difference caused by a displacement of ``MOST_DIFFERENCE`` pixels. This is the
    one-sided tangent distance of Simard, LeCun and Denker (1993) for shift and scale, and costs four vector products
    per pair.
    """
    if len(images) < 2:
        no_rows, no_shift = np.empty(0, np.int64), np.empty(0, np.float32)
        return Pairs(no_rows, no_rows, no_rows > 0, no_shift, no_shift)
    thumbnails, queries, tangents, roughness = _describe(images)
    index = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(images)), algorithm="brute").fit(thumbnails)
    proposals, differences = [], []
    for (flipped, down, right), query in queries.items():
        second = index.kneighbors(query, return_distance=False)
        first = np.repeat(np.arange(len(images)), second.shape[1])
        unexplained = np.maximum(1 - _explained(query, tangents, second).ravel(), 0)
        second = second.ravel()
        difference = np.sqrt(unexplained / np.minimum(roughness[first], roughness[second]))
        close = np.flatnonzero((difference <= MOST_DIFFERENCE) & (first != second))
        columns = (np.full(len(close), value, kind) for value, kind in ((flipped, bool), (down, "f4"), (right, "f4")))
        proposals.append(Pairs(first[close], second[close], *columns))
        differences.append(difference[close])
    pairs = Pairs(*(np.concatenate(column) for column in zip(*proposals, strict=True)))
    # Sort the best start of each pair first, because np.unique keeps the first.
    pairs = pairs.take(np.argsort(np.concatenate(differences), kind="stable"))
    low, high = np.minimum(pairs.first, pairs.second), np.maximum(pairs.first, pairs.second)
    key = (low * len(images) + high) * 2 + pairs.flipped
    return pairs.take(np.unique(key, return_index=True)[1])


def _describe(images: npt.NDArray[np.uint8]) -> tuple[Floats, dict[tuple[bool, int, int], Floats], Floats, Floats]:
    """Return thumbnails (N, 64), those of all queries, orthonormal bases of the tangents (N, 64, 4) and roughness."""
    size = len(THUMBNAIL) ** 2
    thumbnails = np.empty((len(images), size), np.float32)
    tangents = np.empty((len(images), size, 4), np.float32)
    roughness = np.empty(len(images), np.float32)
    queries = {
        (flipped, down, right): np.empty((len(images), size), np.float32)
        for flipped in (False, True)
        for down, right in MOVES
    }
    from_centre = (THUMBNAIL - (SIDE - 1) / 2).astype(np.float32)
    for start in range(0, len(images), _BLOCK):
        rows = slice(start, start + _BLOCK)
        smooth = gaussian_filter(images[rows].astype(np.float32), (0, SIGMA, SIGMA), mode="nearest")
        thumbnails[rows] = _normalise(_sample(smooth))
        roughness[rows] = measure_roughness(smooth)
        for (flipped, down, right), query in queries.items():
            query[rows] = _normalise(_sample(smooth[:, :, ::-1] if flipped else smooth, -down, -right))
        along_y = (_sample(smooth, 1) - _sample(smooth, -1)) / 2
        along_x = (_sample(smooth, 0, 1) - _sample(smooth, 0, -1)) / 2
        scaled = np.repeat(from_centre, len(THUMBNAIL)) * along_y + np.tile(from_centre, len(THUMBNAIL)) * along_x
        columns = np.stack([_sample(smooth), along_y, along_x, scaled], axis=2)
        tangents[rows] = np.linalg.qr(columns - columns.mean(axis=1, keepdims=True))[0]
    return thumbnails, queries, tangents, roughness


def _sample(smooth: Floats, down: int = 0, right: int = 0) -> Floats:
    """Return the pixels of the shifted thumbnail grid: (N, 64)."""
    return smooth[:, THUMBNAIL + down][:, :, THUMBNAIL + right].reshape(len(smooth), -1)


def _normalise(values: Floats) -> Floats:
    """Return each row with mean 0 and length 1, so that brightness and contrast do not matter."""
    centred = values - values.mean(axis=1, keepdims=True)
    normalised: Floats = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return normalised


def _explained(query: Floats, tangents: Floats, neighbour: Rows) -> Floats:
    """Return the fraction of each query's variance explained by the tangents of its neighbours (N, K): (N, K)."""
    explained = np.empty(neighbour.shape, np.float32)
    for start in range(0, len(query), 1024):
        rows = slice(start, start + 1024)
        parts = np.matmul(query[rows, None, None, :], tangents[neighbour[rows]])  # (B, K, 1, 4)
        explained[rows] = (parts[:, :, 0] ** 2).sum(axis=2)
    return explained


def measure_roughness(smooth: Floats) -> Floats:
    """Return the mean squared derivative along one axis divided by the variance, in the centre: (N,), 1/px^2.

    A displacement of d pixels changes a fraction d^2 * roughness of the image's variance.
    """
    centre = smooth[:, BORDER:-BORDER, BORDER:-BORDER]
    slope = (np.diff(centre, axis=1) ** 2).mean(axis=(1, 2)) + (np.diff(centre, axis=2) ** 2).mean(axis=(1, 2))
    roughness: Floats = np.maximum(slope / 2, 1e-6) / np.maximum(centre.var(axis=(1, 2)), 1e-6)
    return roughness
