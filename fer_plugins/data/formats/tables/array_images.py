"""Brings arrays of images of any usual form to uint8 (N, H, W, C)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.runtime.errors import InputError


def to_images(array: npt.NDArray[Any], where: str) -> npt.NDArray[np.uint8]:
    """Bring images to uint8 (N, H, W, C), with C 1 or 3.

    Args:
        array: (N, H * H), (N, H, W), (N, H, W, C) or (N, C, H, W): whole numbers in 0..255, numbers with decimals in
            0..255, or fractions in 0..1, which are told by the largest.
        where: the array, for messages.

    Raises:
        InputError: values outside, or a shape that is none of these.
    """
    if array.ndim == 2:
        side = math.isqrt(array.shape[1])
        array = array.reshape(len(array), side, side)
    if array.ndim == 3:
        array = array[..., np.newaxis]
    elif array.shape[-1] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    least, most = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not (0 <= least and most <= 255):
        raise InputError(
            f"{where}: its values reach from {least:.3g} to {most:.3g}; pixels are 0 to 255, or fractions 0 to 1. "
            "Save them before they are standardised"
        )
    scale = 255 if array.dtype.kind == "f" and most <= 1 else 1
    return (
        np.rint(array * array.dtype.type(scale)).astype(np.uint8) if array.dtype.kind == "f" else array.astype(np.uint8)
    )
