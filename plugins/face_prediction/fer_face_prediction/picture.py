"""Read one picture, and reject sizes on which no face can be recognised."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fer_image_files.decoding import UnreadableError, decode_image
from PIL import Image

from fer_plugins.runtime.errors import InputError

SMALLEST_SIDE = 8  # pixels; assumed: smaller ones show no expression
LARGEST_SIDE, LARGEST_AREA = 16_384, 80_000_000  # pixels; a larger picture would take gigabytes


class UnreadablePicture(InputError):
    """A picture or video that cannot be used; all others can."""


@dataclass(frozen=True)
class Picture:
    """A picture, or a frame of a video."""

    file: str  # as given by the user
    pixels: npt.NDArray[np.uint8]  # (H, W, 1) or (H, W, 3) RGB
    frame: int | None = None  # number in a video, from 0
    time: float | None = None  # seconds from the start of the video
    live: bool = False  # from a camera: predicted immediately


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Read an image file: uint8 (H, W, 1), or (H, W, 3) RGB; see ``decode_image``.

    Raises:
        UnreadablePicture: the file does not exist, is damaged, is not an image, or is too small or too large; one line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadablePicture(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return decode_picture(data, str(path))


def decode_picture(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode the bytes of an image file as ``read_picture`` does; ``name`` is used in messages."""
    _check_size(name, data)
    try:
        pixels = decode_image(data, name, grey=False)
    except UnreadableError as error:
        raise UnreadablePicture(f"{name}: {error.reason}") from None
    return pixels


def check_sides(name: object, width: int, height: int) -> None:
    """Check the size of a picture.

    Raises:
        UnreadablePicture: the picture is too small or too large.
    """
    if min(width, height) < SMALLEST_SIDE:
        raise UnreadablePicture(f"{name}: {width} x {height} pixels are too few; give at least {SMALLEST_SIDE} a side")
    if max(width, height) > LARGEST_SIDE or width * height > LARGEST_AREA:
        raise UnreadablePicture(
            f"{name}: {width} x {height} pixels are too many; shrink it to at most {LARGEST_SIDE:,} a side and "
            f"{LARGEST_AREA // 10**6} million in all"
        )


def _check_size(name: str, data: bytes) -> None:
    """Check the size in the file header, before anything is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            size = Image.open(io.BytesIO(data)).size
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(f"{name}: too many pixels ({error}); shrink it") from None
    except Exception:  # not an image: decoding will report it
        return
    check_sides(name, *size)
