"""Groups of near copies in a dataset, searched once and kept beside the decoded images."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.data.audit.copy_list import Groups, groups_of, hash_pixels, join_copies, read_shipped
from fer_plugins.data.protocols.official import ProtocolCall, wants_near_copies
from fer_plugins.data.table import SampleTable

if TYPE_CHECKING:
    from fer_plugins.data.audit import near_copies

NearCopies = Literal["auto", "on", "off"]
QUICK = 1_000  # images; so many are searched in about a second, which "auto" takes without being asked
ONCE = 50_000  # images; so many are searched in about a minute, which "auto" takes once where the result is kept
_VERSION = 2  # to be raised whenever the search finds other pairs
_ROWS = ("first", "second", "blank", "flat_centre")  # columns of the pairs that number images


def add_near_groups(
    images: npt.NDArray[np.uint8],
    table: SampleTable,
    protocol: ProtocolCall,
    mode: NearCopies,
    cache: Path | None,
    *,
    limited: bool = False,
) -> SampleTable:
    """Return the table with its column ``near``, as :func:`find_near_groups` finds it.

    "auto" is "on" for a protocol that decides by near copies.
    """
    mode = "on" if mode == "auto" and wants_near_copies(protocol) else mode
    return replace(table, near=find_near_groups(images, table, mode, cache, limited=limited))


def find_near_groups(
    images: npt.NDArray[np.uint8], table: SampleTable, mode: NearCopies, cache: Path | None, *, limited: bool = False
) -> Groups | None:
    """Return a group number for every image, the same for near and exact copies; None where they were not looked for.

    Those of the official FER-2013 are known without a search.

    Args:
        images: (N, S, S, C) uint8.
        table: N samples, with ``digest``.
        mode: "on" looks for them, "off" does not, "auto" does where it takes seconds, where it takes a
            minute once (all the data are used, and there is a cache to keep the result), or where it is known already.
        cache: folder of the cache, or None.
        limited: whether only some of the images will be used.
    """
    if mode == "off":
        return None
    shipped = read_shipped()
    if hash_pixels(table) == shipped.pixels:
        return groups_of(table, shipped)
    pairs = _read(table, cache)
    if pairs is None:
        if mode == "auto" and len(table) > (QUICK if limited or cache is None else ONCE):
            return None
        pairs = _search(images, table, cache)
    return join_copies(table, pairs.components())


def search_near_copies(images: npt.NDArray[np.uint8], table: SampleTable, cache: Path | None) -> near_copies.NearCopies:
    """Return the pairs of near copies, from the cache where an earlier search has left them.

    They are kept under a hash of the images' pixels, so that every later run on the same images, in any order, has them
    at once. A cache that cannot be written is passed over.
    """
    pairs = _read(table, cache)
    return _search(images, table, cache) if pairs is None else pairs


def _search(images: npt.NDArray[np.uint8], table: SampleTable, cache: Path | None) -> near_copies.NearCopies:
    from fer_plugins.data.audit.near_copies import find_near_copies

    pairs = find_near_copies(images)
    if cache is not None:
        _write(_place(table, cache), _renumber(pairs, np.argsort(table.canonical_order())))
    return pairs


def _place(table: SampleTable, cache: Path) -> Path:
    return cache / f"near-copies-{_VERSION}-{hash_pixels(table)}.npz"


def _renumber(pairs: near_copies.NearCopies, number: npt.NDArray[np.int64]) -> near_copies.NearCopies:
    """Return the pairs with ``number[row]`` for each row."""
    columns: dict[str, Any] = {name: number[getattr(pairs, name)] for name in _ROWS}
    return replace(pairs, **columns)


def _read(table: SampleTable, cache: Path | None) -> near_copies.NearCopies | None:
    from fer_plugins.data.audit.near_copies import NearCopies as Pairs

    try:
        if cache is None:
            return None
        with np.load(_place(table, cache), allow_pickle=False) as kept:
            pairs = Pairs(**{field.name: kept[field.name] for field in fields(Pairs)})
        return _renumber(replace(pairs, size=int(pairs.size)), table.canonical_order())
    except Exception:  # no folder, no rights, or a file of whatever content: it is looked for again
        return None


def _write(path: Path, pairs: near_copies.NearCopies) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, **{field.name: getattr(pairs, field.name) for field in fields(pairs)})
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content.getvalue())
        unfinished.rename(path)
    except (OSError, ValueError):  # ValueError: no path at all. It is looked for again next time
        with contextlib.suppress(OSError, ValueError):  # what is no folder, or is not ours, refuses this as well
            unfinished.unlink(missing_ok=True)
