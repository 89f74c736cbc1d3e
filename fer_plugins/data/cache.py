"""Caches decoded images on disk: one folder per entry, written atomically and verified on every read."""

from __future__ import annotations

import hashlib
import io
import json
import math
import mmap
import os
import re
import shutil
import tempfile
import time
import warnings
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.data.table import SampleTable

FORMAT = 1  # increment whenever the file layout, or the processing of a native image to a stored one, changes
IMAGES, TABLE, META = "images.npy", "table.npz", "meta.json"
UNFINISHED = ".unfinished-"  # prefix of folders that are being written or deleted
DAY = 86_400.0  # seconds; assumed: writing an entry never takes longer
_BLOCK = 1 << 16  # bytes per sampled block
_BLOCKS = 64  # sampled blocks of an entry that is too large to be read completely at each start
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)
Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CacheKey:
    """Everything that the decoded images depend on."""

    dataset: str  # name under which the dataset was requested
    content: str  # cache_key of the dataset
    image_size: int
    channels: int

    @property
    def folder(self) -> str:
        """Name of the entry's folder: readable, and unique by a hash of all fields and of the format."""
        text = json.dumps([FORMAT, asdict(self)], sort_keys=True)
        name = re.sub(r"[^\w.-]+", "_", self.dataset).strip(".")[:40]
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{name}-{self.image_size}x{self.image_size}x{self.channels}-{digest}"


@dataclass(frozen=True)
class Entry:
    """A cache entry: images (N, S, S, C) uint8, their table, class names and the dataset's notes."""

    images: Images
    table: SampleTable
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def read_entry(root: Path, key: CacheKey, memory: float) -> Entry | None:
    """Return the entry of ``key``, or None if it does not exist.

    Images of up to ``memory`` bytes are read completely and verified by their checksum; larger ones are memory-mapped
    read-only and verified by their size and sampled blocks. A damaged entry is removed, with a warning.
    """
    folder = root / key.folder
    if not os.path.isdir(folder):  # unlike Path.is_dir, does not raise if a parent folder is not accessible
        return None
    try:
        return _read(folder, key, memory)
    except _DAMAGE as error:
        if not os.path.exists(folder):  # another process has removed the damaged entry in the meantime
            return None
        warnings.warn(f"cache entry {folder} is damaged ({error}); it is rebuilt", stacklevel=2)
        _discard(folder)
        return None


def _read(folder: Path, key: CacheKey, memory: float) -> Entry:
    checksum, _, text = (folder / META).read_text(encoding="utf-8").partition("\n")
    if f"{zlib.crc32(text.encode()):08x}" != checksum:
        raise ValueError(f"{META} fails its checksum")
    meta = json.loads(text)
    if meta["format"] != FORMAT or meta["key"] != asdict(key):
        raise ValueError(f"{META} belongs to other data")
    raw = (folder / TABLE).read_bytes()
    if zlib.crc32(raw) != meta["table_crc32"]:
        raise ValueError(f"{TABLE} fails its checksum")
    with np.load(io.BytesIO(raw), allow_pickle=False) as columns:
        table = SampleTable(**{name: columns[name] for name in columns.files})
    path = folder / IMAGES
    if path.stat().st_size != meta["images_bytes"]:
        raise ValueError(f"{IMAGES} has {path.stat().st_size} bytes instead of {meta['images_bytes']}")
    shape = tuple(meta["shape"])
    mapped = math.prod(shape) > memory
    images = map_images(folder, "r") if mapped else np.load(path, allow_pickle=False)
    images.flags.writeable = False
    if images.dtype != np.uint8 or images.shape != shape or len(table) != shape[0]:
        raise ValueError(f"{IMAGES} does not fit {META}")
    if (sample_blocks(images) if mapped else zlib.crc32(images.data)) != meta["blocks" if mapped else "images_crc32"]:
        raise ValueError(f"{IMAGES} fails its checksum")
    return Entry(images, table, tuple(meta["classes"]), tuple(meta["notes"]))


def open_unfinished(root: Path) -> Path:
    """Create a new folder in ``root`` for an entry that is being written, and return it.

    Raises:
        OSError: ``root`` cannot be created or written.
    """
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    return Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=root))


def keep_entry(root: Path, key: CacheKey, entry: Entry) -> None:
    """Write ``entry``, whose images are in memory, under ``key``; an entry of a faster process is kept instead.

    Raises:
        OSError: The disk is full or not writable; nothing is left behind.
    """
    folder = open_unfinished(root)
    try:
        with (folder / IMAGES).open("wb") as file:
            write_header(file, entry.images.shape)
            file.write(entry.images.data)
        finish_entry(root, key, folder, entry)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def finish_entry(root: Path, key: CacheKey, folder: Path, entry: Entry) -> None:
    """Complete the unfinished ``folder``, which already contains the images, and rename it to the entry atomically.

    If another process was faster, its entry is kept, and ``folder`` remains.

    Raises:
        OSError: The disk is full or not writable.
    """
    if isinstance(entry.images, np.memmap):
        entry.images.flush()
    columns = io.BytesIO()
    arrays: dict[str, Any] = dict(entry.table.columns())
    np.savez(columns, **arrays)
    (folder / TABLE).write_bytes(columns.getbuffer())
    content = {
        "format": FORMAT,
        "key": asdict(key),
        "classes": entry.classes,
        "notes": entry.notes,
        "shape": entry.images.shape,
        "images_bytes": (folder / IMAGES).stat().st_size,
        "images_crc32": zlib.crc32(entry.images.data),
        "blocks": sample_blocks(entry.images),
        "table_crc32": zlib.crc32(columns.getbuffer()),
    }
    text = json.dumps(content, indent=1)
    (folder / META).write_text(f"{zlib.crc32(text.encode()):08x}\n{text}", encoding="utf-8")
    try:
        folder.rename(root / key.folder)  # never replaces a folder that is not empty
    except OSError:
        if not (root / key.folder).is_dir():
            raise


def _discard(folder: Path) -> None:
    # Rename it first, so that no other process can read a half-deleted entry.
    grave = folder.with_name(f"{UNFINISHED}{os.getpid()}-{folder.name}")
    try:
        folder.rename(grave)
    except OSError:
        return  # no permission to remove it; the new entry will be used without being cached
    shutil.rmtree(grave, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove unfinished folders of killed processes that are more than a day old."""
    for folder in root.glob(f"{UNFINISHED}*"):
        try:
            newest = max(path.stat().st_mtime for path in [folder, *folder.iterdir()])
        except OSError:
            continue  # finished in the meantime
        if time.time() - newest > DAY:
            shutil.rmtree(folder, ignore_errors=True)


def create_images(folder: Path, shape: tuple[int, ...]) -> None:
    """Create an images file of ``shape`` in ``folder`` for memory mapping, and reserve its space on the disk.

    Without the reservation, a full disk would cause a bus error during writing, which kills the process.

    Raises:
        OSError: The disk does not have enough space.
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
    """Memory-map the images file in ``folder``: (N, S, S, C) uint8."""
    images: Images = np.load(folder / IMAGES, mmap_mode=mode, allow_pickle=False)
    return images


def release(images: Images) -> None:
    """Write changes of memory-mapped ``images`` to the disk and free their memory.

    If a control group limits memory, pages that have not been written yet count, and too many of them kill the process.
    """
    if isinstance(images, np.memmap):
        images.flush()
        mapped = images._mmap  # type: ignore[attr-defined]
        if hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the file header for images of ``shape``."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def sample_blocks(images: Images) -> list[int]:
    """Return checksums of evenly spaced blocks of the images' bytes, including the first and the last block."""
    flat = images.reshape(-1)
    starts = np.linspace(0, max(0, flat.size - _BLOCK), _BLOCKS, dtype=np.int64)
    return [zlib.crc32(flat[start : start + _BLOCK].data) for start in starts]
