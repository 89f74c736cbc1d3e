"""Decodes image files to uint8 arrays, and never takes a truncated one for whole."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from fer_plugins.data.datasets.archives import READ_ERRORS, FileSet, make_printable
from fer_plugins.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".tif", ".tiff")
_FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF")
_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}
# Without its end marker a file was cut off, even where the decoder had all it needed, or where some other
# package told Pillow to put up with truncated files.
_END_MARKERS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}


class UnreadableError(InputError):
    """One sample among many cannot be read: a caller may leave it out and count it.

    Args:
        where: the file or row.
        reason: what is wrong with it.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)  # both, so that the exception survives pickling
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}; replace it, or leave such samples out with --data.on_bad_image skip"


def decode_image(data: bytes, where: str, *, grey: bool) -> npt.NDArray[np.uint8]:
    """Decode the bytes of an image file.

    Args:
        data: the whole file: JPEG, PNG, BMP, PGM/PPM or TIFF, 8 bits a channel.
        where: its name, for the message.
        grey: reduce colour to ITU-R 601 luma; equal channels give exactly their value.

    Returns:
        uint8 (H, W, 1), or (H, W, 3) for a coloured file where ``grey`` is False; no rotation by EXIF.

    Raises:
        UnreadableError: empty, no image, truncated, or of more than 8 bits a channel.
    """
    if not data:
        raise UnreadableError(where, "the file is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            marker = _END_MARKERS.get(image.format or "", b"")
            if marker not in data[-1024:]:  # some writers append a few bytes
                raise UnreadableError(where, "the image file is truncated")
            if image.mode not in _EIGHT_BIT_MODES:
                raise UnreadableError(where, f"the image has pixels of mode {image.mode}, not of 8 bits a channel")
            if grey or image.mode in ("1", "L", "LA"):
                pixels = np.array(image if image.mode == "L" else image.convert("L"))
                return pixels[:, :, np.newaxis]
            return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError(where, "the file is no image (JPEG, PNG, BMP, PGM or TIFF)") from error
    except (
        Exception
    ) as error:  # Pillow's readers raise whatever the damage leads to: OSError, SyntaxError, struct.error
        raise UnreadableError(where, f"the image cannot be decoded ({make_printable(str(error))})") from error


def read_images(
    files: FileSet, names: Iterable[str], *, grey: bool
) -> Generator[npt.NDArray[np.uint8] | UnreadableError, None, None]:
    """Read and decode files in the order of ``names``; a bad one is yielded as its error, for the caller to judge."""
    with files.opened() as open_file:
        for name in names:
            try:
                with open_file(name) as stream:
                    data = stream.read()
                yield decode_image(data, files.where(name), grey=grey)
            except UnreadableError as error:
                yield error
            except (*READ_ERRORS, KeyError) as error:  # KeyError: the zip was replaced meanwhile
                yield UnreadableError(files.where(name), f"the file cannot be read ({make_printable(str(error))})")
