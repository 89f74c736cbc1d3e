"""Aligns the two images of a pair with subpixel accuracy and measures how much they still differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from fer_plugins.data.copies.candidates import BORDER, SIDE, Floats, Pairs, Rows, measure_roughness

_LEVELS = ((2.0, 2), (1.0, 3))  # smoothing in pixels and number of search steps, from coarse to fine
_FARTHEST = 5.0  # pixels; maximum shift
_MOST_ZOOM = 0.15  # maximum natural logarithm of the zoom
_CENTRE = (SIDE - 1) / 2
_GRID = np.arange(BORDER, SIDE - BORDER, 2)  # rows and columns that are compared: every second pixel of the centre
_Y, _X = (axis.ravel().astype(np.float32) - np.float32(_CENTRE) for axis in np.meshgrid(_GRID, _GRID, indexing="ij"))
_BLOCK = 1024  # pairs per block


class Alignment(NamedTuple):
    """How the first image of each pair is aligned with the second."""

    down: Floats  # shift of the first image in pixels
    right: Floats
    zoom: Floats  # scale of the first image relative to the second
    gain: Floats  # contrast of the first image relative to the second
    offset: Floats  # grey levels: first = gain * second + offset
    difference: Floats  # remaining difference in pixels; see align


def align(images: npt.NDArray[np.uint8], pairs: Pairs) -> Alignment:
    """Find the shift, scale, contrast and brightness that align the first image of each pair with the second.

    Gauss-Newton iterations start from the shift of the pair and use the derivatives of the second image (Lucas and
    Kanade 1981; the inverse compositional form of Baker and Matthews 2004). The result has subpixel accuracy and is
    based on the central 36 x 36 pixels of (N, 48, 48) images, none of which may be flat there.

    ``difference`` is what remains: the root mean square of the residual divided by that of the derivative along one
    axis, so that a difference of 1 is as large as that caused by a displacement of 1 pixel (in images smoothed by 1 px;
    the smoother image of the two is used). Unlike a correlation, it means the same for sharp and for blurred images.
    """
    order = np.arange(len(pairs.first))
    blocks = [_align_block(images, pairs.take(order[i : i + _BLOCK])) for i in range(0, len(order), _BLOCK)]
    if not blocks:
        return Alignment(*(np.empty(0, np.float32) for _ in Alignment._fields))
    return Alignment(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def _align_block(images: npt.NDArray[np.uint8], pairs: Pairs) -> Alignment:
    rows, place = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    first, second = np.split(place, 2)
    raw = images[rows].astype(np.float32)
    # A point of the second image is at centre + exp(zoom) * (point - centre) + shift in the first image.
    shift = -np.stack([pairs.down, pairs.right], axis=1)
    zoom = np.zeros((len(first), 1), np.float32)
    for sigma, steps in _LEVELS:
        smooth = gaussian_filter(raw, (0, sigma, sigma), mode="nearest")
        fixed, solver = _prepare(smooth)
        fixed, solver = fixed[second], solver[second]
        for _ in range(steps):
            moved = _sample(smooth, first, pairs.flipped, shift, zoom)
            gain, *step = np.matmul(solver, moved[:, :, None])[:, :, 0].T
            step = np.stack(step, axis=1) / np.maximum(gain, 0.1)[:, None]
            # Apply the inverse of the second image's displacement to the first.
            shift = np.clip(shift - np.exp(zoom) * np.clip(step[:, :2], -1.5, 1.5), -_FARTHEST, _FARTHEST)
            zoom = np.clip(zoom - np.clip(step[:, 2:], -0.06, 0.06), -_MOST_ZOOM, _MOST_ZOOM)
    moved = _sample(smooth, first, pairs.flipped, shift, zoom)
    offset = moved.mean(axis=1)
    moved = moved - offset[:, None]
    power, own = (moved**2).mean(axis=1), (fixed**2).mean(axis=1)
    product = (moved * fixed).mean(axis=1)
    unexplained = np.where(product > 0, 1 - product**2 / np.maximum(power * own, 1e-6), 1.0)
    roughness = measure_roughness(smooth)
    gain = product / np.maximum(own, 1e-6)
    return Alignment(
        down=-shift[:, 0],
        right=-shift[:, 1],
        zoom=np.exp(zoom[:, 0]),
        gain=gain,
        offset=offset - gain * _centre(smooth).mean(axis=1)[second],
        difference=np.sqrt(np.maximum(unexplained, 0) / np.minimum(roughness[first], roughness[second])),
    )


def _prepare(smooth: Floats) -> tuple[Floats, Floats]:
    """Return the grid of each image minus its mean (m, P), and its solver from grid to gain and displacement (m, 4, P).

    The displacement (down, right, growth) is multiplied by the gain.
    """
    fixed = _centre(smooth)
    along_y = (_centre(smooth, 1) - _centre(smooth, -1)) / 2
    along_x = (_centre(smooth, 0, 1) - _centre(smooth, 0, -1)) / 2
    columns = np.stack([fixed, along_y, along_x, _Y * along_y + _X * along_x], axis=2)
    columns -= columns.mean(axis=1, keepdims=True)
    gram = np.matmul(columns.transpose(0, 2, 1), columns)
    # Regularize slightly: the displacement of an edge along itself is undetermined.
    gram += np.eye(4, dtype=np.float32) * (1e-5 * np.trace(gram, axis1=1, axis2=2) + 1e-3)[:, None, None]
    return columns[:, :, 0].copy(), np.linalg.solve(gram, columns.transpose(0, 2, 1))


def _centre(smooth: Floats, down: int = 0, right: int = 0) -> Floats:
    return smooth[:, _GRID + down][:, :, _GRID + right].reshape(len(smooth), -1)


def _sample(smooth: Floats, row: Rows, flipped: npt.NDArray[np.bool_], shift: Floats, zoom: Floats) -> Floats:
    """Return image ``row`` at the grid's points, moved and scaled, by bilinear interpolation: (pairs, P)."""
    last = np.float32(SIDE - 1.001)
    y = np.clip(_CENTRE + np.exp(zoom) * _Y + shift[:, :1], 0, last)
    x = np.clip(_CENTRE + np.exp(zoom) * _X + shift[:, 1:], 0, last)
    x = np.where(flipped[:, None], SIDE - 1 - x, x)
    top, left = y.astype(np.int64), np.minimum(x.astype(np.int64), SIDE - 2)
    y, x = (y - top).astype(np.float32), (x - left).astype(np.float32)
    flat, corner = smooth.ravel(), row[:, None] * SIDE**2 + top * SIDE + left
    upper = flat[corner] * (1 - x) + flat[corner + 1] * x
    lower = flat[corner + SIDE] * (1 - x) + flat[corner + SIDE + 1] * x
    values: Floats = upper * (1 - y) + lower * y
    return values
