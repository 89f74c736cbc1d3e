"""The file of the decoded images in the cache: one array, with its disk space reserved, mapped or read into memory."""

from __future__ import annotations

import math
import mmap
import os
import zlib
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]

IMAGES = "images.npy"
_BLOCK = 1 << 16  # bytes of a sampled block
_BLOCKS = 64  # sampled blocks of an entry that is too large to be read whole at each start


def create_images(folder: Path, shape: tuple[int, ...]) -> None:
    """Create an images file of ``shape`` in ``folder``, to be mapped; its bytes are reserved on the disk.

    Without the reservation a full disk would show as a bus error, which kills the process, in the middle of writing.

    Raises:
        OSError: the disk has no room.
    """
    path = folder / IMAGES
    with path.open("wb") as file:
        write_header(file, shape)
        size = file.tell() + math.prod(shape)
        if hasattr(os, "posix_fallocate"):
            file.flush()
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            while (left := size - file.tell()) > 0:
                file.write(bytes(min(left, 1 << 24)))


def map_images(folder: Path, mode: Literal["r", "r+"]) -> Images:
    """Map the images file in ``folder``: (N, S, S, C) uint8."""
    images: Images = np.load(folder / IMAGES, mmap_mode=mode, allow_pickle=False)
    return images


def release(images: Images) -> None:
    """Write what was changed in mapped ``images`` to the disk, and let its memory go.

    Where a control group limits memory, pages that wait to be written count, and too many of them end the process.
    """
    if isinstance(images, np.memmap):
        images.flush()
        mapped = images._mmap  # type: ignore[attr-defined]
        if hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write what stands before the images of ``shape`` in their file."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def sample_blocks(images: Images) -> list[int]:
    """Checksums of evenly spaced blocks of the images' bytes, the first and the last among them."""
    flat = images.reshape(-1)
    starts = np.linspace(0, max(0, flat.size - _BLOCK), _BLOCKS, dtype=np.int64)
    return [zlib.crc32(flat[start : start + _BLOCK].data) for start in starts]
