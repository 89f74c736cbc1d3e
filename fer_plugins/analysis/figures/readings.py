"""How a tensor that a network explains itself with is to be read: a picture, a map, attention, a warp, a vector."""

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
    """One named tensor, ready to be drawn for each image of a batch."""

    name: str
    kind: Kind
    values: Values  # (B, H, W) or (B, H, W, 3); (B, 2, 3) of an outline; (B, N) of bars
    description: str  # what is drawn, in words


def read_tensor(name: str, tensor: npt.NDArray[np.floating]) -> Reading | None:
    """Return how a tensor (B, ...) of ``explain`` is drawn; None for more than four dimensions or values not finite.

    - (B, 1, H, W) and (B, 3, H, W): a picture; (B, C, H, W): the mean over its maps; (B, H, W): a matrix.
    - (B, P, Q, K) whose last dimension sums to 1: attention of Q queries to K keys, in P windows or groups, drawn as
      what each key receives, the mean over the queries: a row a group. Where the name begins with ``spatial_weights``
      and P and K are squares, the windows lie in rows over the image, and so do the keys in each.
    - (B, 2, 3) where the name begins with ``theta``: the affine map of a spatial transformer from output to input in
      [-1, 1] (Jaderberg et al. 2015), drawn as the outline of what is sampled.
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
