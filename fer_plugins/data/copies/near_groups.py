"""Groups of near copies in a dataset, searched once and cached with the decoded images."""

from __future__ import annotations

import contextlib
import io
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.data.copies.copy_list import groups_of, hash_pixels, join_copies, read_shipped
from fer_plugins.data.protocols.official import ProtocolCall, wants_near_copies
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import RunError
from fer_plugins.runtime.whole_file import whole_file

if TYPE_CHECKING:
    from fer_plugins.data.copies import near_copies

NearCopies = Literal["auto", "on", "off"]
QUICK = 1_000  # images that can be searched in about a second; "auto" always searches them
ONCE = 50_000  # images that can be searched in about a minute; "auto" searches them if the result is cached
_VERSION = 2  # increment whenever the search finds different pairs
_ROWS = ("first", "second", "blank", "flat_centre")  # columns that contain row numbers


def add_near_groups(
    images: npt.NDArray[np.uint8],
    table: SampleTable,
    protocol: ProtocolCall,
    mode: NearCopies,
    cache: Path | None,
    *,
    limited: bool = False,
) -> SampleTable:
    """Return the table with a column ``near``: group numbers that are equal for near and exact copies.

    The column is None if near copies were not searched. For the official FER-2013 they are known without a search.

    Args:
        images: (N, S, S, C) uint8.
        table: N samples, with ``digest``.
        protocol: If it depends on near copies, "auto" means "on".
        mode: "on" searches, "off" does not, "auto" does if the search takes seconds, if it takes a minute once (all
            data are used, and there is a cache for the result), or if the result is already known.
        cache: Folder of the cache, or None.
        limited: Whether only some of the images will be used.
    """
    if mode == "off":
        return replace(table, near=None)
    shipped = read_shipped()
    if hash_pixels(table) == shipped.pixels:
        return replace(table, near=groups_of(table, shipped))
    pairs = _read(table, cache)
    if pairs is None:
        limit = QUICK if limited or cache is None else ONCE
        if mode == "auto" and len(table) > limit and not wants_near_copies(protocol):
            return replace(table, near=None)
        pairs = _search(images, table, cache)
    return replace(table, near=join_copies(table, pairs.components()))


def search_near_copies(images: npt.NDArray[np.uint8], table: SampleTable, cache: Path | None) -> near_copies.NearCopies:
    """Return the pairs of near copies, from the cache if they have been searched before.

    The cache file is named by a hash of the images' pixels, so that later runs on the same images, in any order, find
    it. A cache that cannot be written is ignored.
    """
    pairs = _read(table, cache)
    return _search(images, table, cache) if pairs is None else pairs


def _search(images: npt.NDArray[np.uint8], table: SampleTable, cache: Path | None) -> near_copies.NearCopies:
    from fer_plugins.data.copies.near_copies import find_near_copies

    pairs = find_near_copies(images)
    if cache is not None:
        _write(_cache_file(table, cache), _renumber(pairs, np.argsort(table.canonical_order())))
    return pairs


def _cache_file(table: SampleTable, cache: Path) -> Path:
    return cache / f"near-copies-{_VERSION}-{hash_pixels(table)}.npz"


def _renumber(pairs: near_copies.NearCopies, number: npt.NDArray[np.int64]) -> near_copies.NearCopies:
    """Return the pairs with each row replaced by ``number[row]``."""
    columns: dict[str, Any] = {name: number[getattr(pairs, name)] for name in _ROWS}
    return replace(pairs, **columns)


def _read(table: SampleTable, cache: Path | None) -> near_copies.NearCopies | None:
    from fer_plugins.data.copies.near_copies import NearCopies as Pairs

    try:
        if cache is None:
            return None
        with np.load(_cache_file(table, cache), allow_pickle=False) as columns:
            pairs = Pairs(**{field.name: columns[field.name] for field in fields(Pairs)})
        return _renumber(replace(pairs, size=int(pairs.size)), table.canonical_order())
    except Exception:  # no folder, no permission, or invalid content: search again
        return None


def _write(path: Path, pairs: near_copies.NearCopies) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, **{field.name: getattr(pairs, field.name) for field in fields(pairs)})
    with contextlib.suppress(OSError, RunError, ValueError):  # ValueError: an invalid path; the next run searches again
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(content.getvalue())
