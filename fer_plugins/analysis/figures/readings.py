"""Decides how to draw a tensor returned by ``explain``: as a picture, map, attention, affine transform or bars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Kind = Literal["picture", "map", "overlay", "outline", "bars"]


@dataclass(frozen=True)
class Reading:
    """One named tensor, prepared for drawing with one entry for each image of a batch."""

    name: str
    kind: Kind
    values: Values  # (B, H, W) or (B, H, W, 3); (B, 2, 3) for an outline; (B, N) for bars
    description: str  # what is drawn, as text


def read_tensor(name: str, tensor: npt.NDArray[np.floating]) -> Reading | None:
    """Return how a tensor (B, ...) of ``explain`` is drawn; None if it has more than four dimensions or is not finite.

    - (B, 1, H, W) and (B, 3, H, W): a picture; (B, C, H, W): the mean over its maps; (B, H, W): a matrix.
    - (B, P, Q, K) whose last dimension sums to 1: attention of Q queries to K keys, in P windows or groups. It is drawn
    as
      the attention that each key receives, averaged over the queries, with one row per group. If the name starts with
      ``spatial_weights`` and P and K are squares, the windows are arranged in rows over the image, and so are the keys
      in each window.
    - (B, 2, 3) if the name starts with ``theta``: the affine map of a spatial transformer from output to input in
      [-1, 1] (Jaderberg et al. 2015), drawn as the outline of the region that is sampled.
    - (B,) and (B, N): bars.
    """
    values = np.asarray(tensor, dtype=np.float64)
    if not np.isfinite(values).all() or not values.size or values.ndim > 4:
        return None
    if values.ndim <= 2:
        bars = values.reshape(len(values), -1)
        return Reading(name, "bars", bars, f"{bars.shape[1]:,} values")
    if values.ndim == 3:
        if name.startswith("theta") and values.shape[1:] == (2, 3):
            return Reading(name, "outline", values, "the part of its input (grey) that is sampled; blue: top")
        return Reading(name, "map", values, "{} x {} values".format(*values.shape[1:]))
    if _is_attention(values):
        return _read_attention(name, values)
    maps, height, width = values.shape[1:]
    if maps == 3:
        return Reading(name, "picture", values.transpose(0, 2, 3, 1), f"{height} x {width} pixels")
    if maps == 1:
        return Reading(name, "picture", values[:, 0], f"{height} x {width} pixels")
    return Reading(name, "map", values.mean(1), f"mean of {maps} maps of {height} x {width}")


def _is_attention(values: Values) -> bool:
    return values.shape[-1] > 1 and bool((values >= 0).all() and np.allclose(values.sum(-1), 1, atol=1e-3))


def _read_attention(name: str, values: Values) -> Reading:
    batch, parts, _, keys = values.shape
    received = values.mean(2)
    windows, side = math.isqrt(parts), math.isqrt(keys)
    if not name.startswith("spatial_weights") or windows**2 != parts or side**2 != keys:
        return Reading(name, "map", received, f"attention, {parts} groups of {keys} keys")
    grid = received.reshape(batch, windows, windows, side, side).transpose(0, 1, 3, 2, 4)
    over = grid.reshape(batch, windows * side, windows * side)
    return Reading(name, "overlay", over, f"attention, {windows}x{windows} windows of {side}x{side} keys")
