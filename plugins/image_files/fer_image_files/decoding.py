"""Decode image files to uint8 arrays and reject truncated ones."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_image_files.archives.file_set import READ_ERRORS, Opener, make_printable
from fer_image_files.archives.root_files import RootFiles
from fer_plugins.runtime.errors import InputError

OnBadImage = Literal["error", "skip"]
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".pgm", ".ppm", ".pbm", ".tif", ".tiff", ".webp", ".gif"),
    *(".heic", ".heif", ".avif"),  # formats that cannot be decoded here: each is a bad image, none is skipped silently
)
_FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP", "GIF")
_KINDS = "JPEG, PNG, BMP, PGM, TIFF, WebP or GIF"
_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}
_SIXTEEN_BIT_MODES = {"I;16", "I;16B", "I;16L", "I"}  # "I": how older Pillows open a 16-bit PNG
_ORIENTATION = 0x0112  # EXIF


class UnreadableError(InputError):
    """One sample cannot be read; callers may leave it out and count it."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)  # both, so that the exception survives pickling
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}; replace it, or leave such samples out with --data.on_bad_image skip"


def describe_bad(reasons: Sequence[str], kind: str = "images") -> list[str]:
    """Return a sentence on the images that were left out, with the first reason; [] if there are none."""
    if not reasons:
        return []
    return [f"{len(reasons):,} bad {kind} were left out (--data.on_bad_image skip), the first: {reasons[0]}."]


def is_image(name: str) -> bool:
    """Return whether a file is an image, by its extension."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def decode_image(data: bytes, where: str, *, grey: bool) -> npt.NDArray[np.uint8]:
    """Decode a JPEG, PNG, BMP, PGM/PPM, TIFF, WebP or GIF with 8 or 16 bits per channel.

    The image is rotated by its EXIF orientation. 16-bit values are divided by 257 and rounded; for colour the upper
    byte is used, as in Pillow. Transparent pixels are composited on white. Palette and CMYK images are converted to
    RGB. Of several pages the first is read. ``grey`` reduces colour to ITU-R 601 luma; equal channels give exactly
    their value.

    Returns:
        uint8 (H, W, 1), or (H, W, 3) for a file format with colour if ``grey`` is False.

    Raises:
        UnreadableError: the data is empty, not an image, truncated, or has neither 8 nor 16 bits per channel.
    """
    if not data:
        raise UnreadableError(where, "the file is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if _is_cut_off(data, image.format or ""):
                raise UnreadableError(where, "the image file is truncated")
            if image.mode not in _EIGHT_BIT_MODES | _SIXTEEN_BIT_MODES:
                raise UnreadableError(
                    where, f"the image has pixels of mode {image.mode}, not of 8 or 16 bits a channel"
                )
            # Read as 16 bits it would be black; a dark 16-bit image read as 8 bits would be bright.
            wide = np.array(image) if image.mode == "I" and image.format == "TIFF" else None
            if wide is not None and 0 <= wide.min() <= wide.max() < 256:
                raise UnreadableError(where, "its pixels have 32 bits and are below 256: store it with 8 or 16 bits")
            upright = ImageOps.exif_transpose(image) if image.getexif().get(_ORIENTATION, 1) != 1 else image
            return _to_bytes(upright, where, grey=grey)
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError(where, f"the file is not an image ({_KINDS})") from error
    except Exception as error:  # Pillow raises various errors for damaged data: OSError, SyntaxError, struct.error
        raise UnreadableError(where, f"the image cannot be decoded ({make_printable(str(error))})") from error


def _is_cut_off(data: bytes, kind: str) -> bool:
    """Return whether a file lacks its end marker.

    Such a file was truncated, even if the decoder had enough data, or another package told Pillow to accept truncated
    files. Cameras and web sites append their own data, so the marker need not be at the end.
    """
    if kind == "PNG":
        return b"IEND" not in data
    if kind == "WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if kind != "JPEG":
        return False
    # A thumbnail, which has an end marker too, is in one of the segments before the first scan.
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        filler = data[place + 1] == 0xFF
        place += 1 if filler else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return b"\xff\xd9" not in data[place:]


def _to_bytes(image: Image.Image, where: str, *, grey: bool) -> npt.NDArray[np.uint8]:
    if image.mode in _SIXTEEN_BIT_MODES:
        wide = np.array(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65_535:
            raise UnreadableError(where, "the image has pixels outside 0..65535")
        return ((wide + 128) // 257).astype(np.uint8)[:, :, np.newaxis]
    colourless = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    mode = "L" if grey or colourless else "RGB"
    pixels = np.array(image if image.mode == mode else image.convert(mode))
    return pixels[:, :, np.newaxis] if mode == "L" else pixels


def read_image(files: RootFiles, name: str, open_file: Opener, *, grey: bool) -> npt.NDArray[np.uint8]:
    """Read and decode one file as :func:`decode_image`; raises UnreadableError if it is missing or unreadable."""
    try:
        with open_file(name) as stream:
            data = stream.read()
    except (*READ_ERRORS, KeyError) as error:  # KeyError: a list names a file that does not exist
        why = "there is no such file" if isinstance(error, KeyError | FileNotFoundError) else str(error)
        raise UnreadableError(files.where(name), f"the file cannot be read ({make_printable(why)})") from error
    return decode_image(data, files.where(name), grey=grey)


def read_images(
    files: RootFiles, names: Iterable[str], *, grey: bool
) -> Generator[npt.NDArray[np.uint8] | UnreadableError, None, None]:
    """Read and decode files in the order of ``names``; yields the error of a bad file, for the caller to handle."""
    with files.opened() as open_file:
        for name in names:
            try:
                yield read_image(files, name, open_file, grey=grey)
            except UnreadableError as error:
                yield error
