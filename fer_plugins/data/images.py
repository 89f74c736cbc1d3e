"""Decodes a dataset once into a contiguous uint8 array with a common size and number of channels."""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
import math
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Dataset
from fer_plugins.data import cache as store
from fer_plugins.data.cache import CacheKey, Entry, Images
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.data.preprocessing import fit_image as fit_image
from fer_plugins.data.read_once import once
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError

Progress = Callable[[int, int], None]
GIGABYTE = 10**9
_FLUSHED = 1 << 28  # bytes; a mapped file is flushed to the disk each time this much has been written


@dataclass(frozen=True)
class LoadedImages:
    """The images, table, classes and notes of a dataset, in memory or memory-mapped."""

    images: Images  # (N, S, S, C) uint8, C-contiguous, read-only; np.memmap if larger than memory_gb
    table: SampleTable  # N rows, with ``digest``
    classes: tuple[str, ...]  # names in label order
    notes: tuple[str, ...]  # notes of the dataset for the manifest
    from_cache: bool  # whether the images come from the cache, without decoding
    seconds: float  # wall-clock time


def load_images(
    dataset: Dataset,
    *,
    name: str,
    image_size: int,
    channels: int,
    cache: Path | None,
    memory_gb: float,
    progress: Progress | None = None,
) -> LoadedImages:
    """Decode every image of ``dataset`` once, or read the cache entry of an earlier run.

    Images are resized and converted by ``Preprocessing.fit``. If the dataset has ``read_all() -> uint8 (N, H, W, C)``,
    it is read by a single call. Inside ``reading_once``, the last result for the same object and arguments is reused.

    Args:
        dataset: The raw images.
        name: Name of the dataset, for error messages and the cache.
        image_size: Side of the square images, in pixels.
        channels: 1 (grey) or 3 (RGB).
        cache: Folder of the cache, or None; only used for a dataset with a ``cache_key``.
        memory_gb: Images up to this size (in units of 10**9 bytes) are held in memory; larger ones are memory-mapped
            from the cache, or from a file in the system's temporary folder that is removed at exit.
        progress: Called about a hundred times with (number of images done, total number); not called on a cache hit.

    Raises:
        InputError: An argument is out of range, the table is invalid, an image is not uint8 H x W x C with C 1 or 3, or
            the images are larger than memory_gb and no folder has space for them.
    """
    key = (id(dataset), name, image_size, channels, cache, memory_gb)
    # Keep a reference to the dataset, so that its id is not reused.
    return once("images", key, lambda: (dataset, _load(dataset, *key[1:], progress)))[1]


def _load(
    dataset: Dataset,
    name: str,
    image_size: int,
    channels: int,
    cache: Path | None,
    memory_gb: float,
    progress: Progress | None,
) -> LoadedImages:
    started = time.perf_counter()
    preprocessing = Preprocessing(image_size=image_size, channels=channels)
    if not memory_gb >= 0:
        raise InputError(f"data.memory_gb is {memory_gb}; give a size in gigabytes, at least 0")
    content = getattr(dataset, "cache_key", None)
    key = None if cache is None or content is None else CacheKey(name, str(content), image_size, channels)
    memory = memory_gb * GIGABYTE
    cache = None if cache is None else Path(os.path.abspath(cache))  # a mapped file is reopened by its name
    if cache is not None and key is not None:
        entry = store.read_entry(cache, key, memory)
        if entry is not None:
            return LoadedImages(**vars(entry), from_cache=True, seconds=time.perf_counter() - started)

    classes = tuple(dataset.classes)
    table = SampleTable.from_columns(dataset.table, classes, owner=f"dataset {name}")
    shape = (len(table), image_size, image_size, channels)
    mapped = math.prod(shape) > memory
    folder = _open_room(cache if key else None, shape, memory_gb) if mapped else None
    try:
        images = np.empty(shape, np.uint8) if folder is None else store.map_images(folder, "r+")
        digest = _fill(images, dataset, table, f"dataset {name}", preprocessing, progress)
        notes = tuple(map(str, getattr(dataset, "notes", ())))
        entry = Entry(images, dataclasses.replace(table, digest=digest), classes, notes)
        if cache is not None and key is not None:
            entry = _write_entry(cache, key, entry, folder, memory)
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    entry.images.flags.writeable = False
    return LoadedImages(**vars(entry), from_cache=False, seconds=time.perf_counter() - started)


def _open_room(cache: Path | None, shape: tuple[int, ...], memory_gb: float) -> Path:
    """Return a new folder with an images file of ``shape``: in the cache or, if not possible, a temporary one."""
    for root in (None,) if cache is None else (cache, None):
        folder = None
        try:
            folder = Path(tempfile.mkdtemp(prefix="fer-plugins-")) if root is None else store.open_unfinished(root)
            store.create_images(folder, shape)
        except (OSError, ValueError) as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            if root is not None:
                _warn_not_kept(root, error)
        else:
            atexit.register(shutil.rmtree, folder, ignore_errors=True)  # no longer exists if it has become an entry
            return folder
    raise InputError(
        f"data.memory_gb is {memory_gb}, the images need {math.prod(shape) / GIGABYTE:.2f} and no folder has room "
        f"for them: raise data.memory_gb, lower data.image_size, or free disk space"
    )


def _write_entry(cache: Path, key: CacheKey, entry: Entry, folder: Path | None, memory: float) -> Entry:
    """Write ``entry`` to the cache; memory-mapped images are mapped again from the new entry."""
    try:
        if folder is None:
            store.keep_entry(cache, key, entry)
        elif folder.parent == cache:
            store.finish_entry(cache, key, folder, entry)
    except (OSError, ValueError) as error:  # ValueError: an invalid path
        _warn_not_kept(cache, error)
        return entry
    if folder is None:
        return entry
    written = store.read_entry(cache, key, memory)
    if written is None:
        return entry
    shutil.rmtree(folder, ignore_errors=True)  # only exists if another process was faster
    return written


def _warn_not_kept(cache: Path, error: OSError | ValueError) -> None:
    reason = getattr(error, "strerror", None) or str(error)
    warnings.warn(f"the decoded images are not kept in {cache}: {reason}; the run continues without", stacklevel=2)


def _fill(
    images: Images,
    dataset: Dataset,
    table: SampleTable,
    owner: str,
    preprocessing: Preprocessing,
    progress: Progress | None,
) -> npt.NDArray[np.str_]:
    """Write every image, resized and converted, into ``images``; return the digests of the native images."""
    mapped = isinstance(images, np.memmap)
    # Reading all images at once would exceed the memory limit set by the user.
    read_all = None if mapped else getattr(dataset, "read_all", None)
    native: Dataset | Images = dataset if read_all is None else read_all()
    if isinstance(native, np.ndarray) and len(native) != len(table):
        raise InputError(f"{owner}: read_all gives {len(native)} images, the table has {len(table)} rows")
    total, step = len(table), max(1, len(table) // 100)
    digest = np.empty(total, dtype="U16")
    for row in range(total):
        image = native[row]
        if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.size):
            got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise InputError(f"{owner}: image {table.source[row]} is {got}; it must be uint8 H x W x C")
        if image.shape[2] not in (1, 3):
            raise InputError(f"{owner}: image {table.source[row]} has {image.shape[2]} channels; it must have 1 or 3")
        digest[row] = digest_of(image)
        images[row] = preprocessing.fit(image)
        if mapped and (row + 1) * images[0].nbytes // _FLUSHED > row * images[0].nbytes // _FLUSHED:
            store.release(images)
        if progress is not None and ((row + 1) % step == 0 or row + 1 == total):
            progress(row + 1, total)
    return digest


def digest_of(image: Images) -> str:
    """Return a hash of the shape and the pixels of an image (H, W, C): 16 hex digits."""
    hashed = hashlib.blake2b(repr(image.shape).encode(), digest_size=8)
    hashed.update(np.ascontiguousarray(image).data)
    return hashed.hexdigest()
