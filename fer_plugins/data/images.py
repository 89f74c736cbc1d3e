"""Turns a dataset into one contiguous uint8 array of one size and number of channels, decoded once."""

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
_FLUSHED = 1 << 28  # bytes; so much of a mapped file is written at most before it goes to the disk


@dataclass(frozen=True)
class LoadedImages:
    """A dataset's images, table, classes and notes, in memory or mapped from a file."""

    images: Images  # (N, S, S, C) uint8, C-contiguous, read-only; np.memmap where larger than memory_gb
    table: SampleTable  # N rows, with ``digest``
    classes: tuple[str, ...]  # names in label order
    notes: tuple[str, ...]  # the dataset's sentences for the manifest
    from_cache: bool  # whether nothing had to be decoded
    seconds: float  # wall time


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
    """Decode every image of ``dataset`` once, or read the entry of an earlier run from the cache.

    Images are fitted by ``Preprocessing.fit``. A dataset with ``read_all() -> uint8 (N, H, W, C)`` is read by one call.
    Inside ``reading_once`` the last result for the same object and arguments is returned again.

    Args:
        dataset: the raw images.
        name: of the dataset, for errors and the cache.
        image_size: side of the square images, in pixels.
        channels: 1 (grey) or 3 (RGB).
        cache: folder of the cache, or None; used only for a dataset with a ``cache_key``.
        memory_gb: up to this size (10**9 bytes) the images are held in memory; above it they are mapped from the
            cache, or from a file in the system's folder for temporary files that is removed at exit.
        progress: called with (images done, images in all) about a hundred times; not at all on a cache hit.

    Raises:
        InputError: an argument is out of range, the table is wrong, an image is not uint8 H x W x C with C 1 or 3,
            or the images fit neither memory_gb nor any folder.
    """
    key = (id(dataset), name, image_size, channels, cache, memory_gb)
    # With the dataset itself, so that no other gets its id.
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
    cache = None if cache is None else Path(os.path.abspath(cache))  # a map is opened again by its name
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
    """Return a new folder that holds an images file of ``shape``: in the cache, or else a temporary one."""
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
            atexit.register(shutil.rmtree, folder, ignore_errors=True)  # gone by then, where it has become an entry
            return folder
    raise InputError(
        f"data.memory_gb is {memory_gb}, the images need {math.prod(shape) / GIGABYTE:.2f} and no folder has room "
        f"for them: raise data.memory_gb, lower data.image_size, or free disk space"
    )


def _write_entry(cache: Path, key: CacheKey, entry: Entry, folder: Path | None, memory: float) -> Entry:
    """Write ``entry`` to the cache; mapped images are mapped again from the new entry."""
    try:
        if folder is None:
            store.keep_entry(cache, key, entry)
        elif folder.parent == cache:
            store.finish_entry(cache, key, folder, entry)
    except (OSError, ValueError) as error:  # ValueError: a path that no system can have
        _warn_not_kept(cache, error)
        return entry
    if folder is None:
        return entry
    written = store.read_entry(cache, key, memory)
    if written is None:
        return entry
    shutil.rmtree(folder, ignore_errors=True)  # still there only if another process was faster
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
    """Write every image, fitted, into ``images``; return the digests of the native ones."""
    mapped = isinstance(images, np.memmap)
    # Everything at once would need the memory that the user has just denied.
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
    """Hash the shape and the pixels of an image H x W x C: 16 hex digits."""
    hashed = hashlib.blake2b(repr(image.shape).encode(), digest_size=8)
    hashed.update(np.ascontiguousarray(image).data)
    return hashed.hexdigest()
