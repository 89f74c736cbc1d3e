"""Groups of near copies in a dataset, searched once and kept beside the decoded images."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.data.table import SampleTable

NearCopies = Literal["auto", "on", "off"]
QUICK = 1_000  # images; so many are searched in about a second, which "auto" takes without being asked
_VERSION = 1  # to be raised whenever the search finds other pairs

Groups = npt.NDArray[np.int64]


def find_near_groups(
    images: npt.NDArray[np.uint8], table: SampleTable, mode: NearCopies, cache: Path | None
) -> Groups | None:
    """Return a group number for every image, the same for near copies; None where they were not looked for.

    What was found is kept in ``cache`` under a hash of the images' pixels, so that an audit, and every later run on the
    same images in any order, has it at once.

    Args:
        images: (N, S, S, C) uint8.
        table: N samples, with ``digest``.
        mode: "on" looks for them, "off" does not, "auto" does where it takes seconds or is known already.
        cache: folder of the cache, or None.
    """
    if mode == "off":
        return None
    order, path = table.canonical_order(), _place(table, cache)
    groups = np.empty(len(table), np.int64)
    known = _read(path, len(table)) if path is not None else None
    if known is not None:
        groups[order] = known
        return groups
    if mode == "auto" and len(table) > QUICK:
        return None
    from fer_plugins.data.audit.near_copies import find_near_copies

    groups_found = find_near_copies(images).components()
    keep_near_groups(groups_found, table, cache)
    return groups_found


def keep_near_groups(groups: Groups, table: SampleTable, cache: Path | None) -> None:
    """Keep (N,) groups for later runs on the same images; a cache that cannot be written is passed over."""
    path = _place(table, cache)
    if path is None:
        return
    content = io.BytesIO()
    np.save(content, groups[table.canonical_order()])
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content.getvalue())
        unfinished.rename(path)
    except (OSError, ValueError):  # ValueError: no path at all. It is looked for again next time
        with contextlib.suppress(OSError, ValueError):  # what is no folder, or is not ours, refuses this as well
            unfinished.unlink(missing_ok=True)


def _place(table: SampleTable, cache: Path | None) -> Path | None:
    if cache is None:
        return None
    assert table.digest is not None
    hashed = hashlib.blake2b(f"near {_VERSION}".encode(), digest_size=8)
    hashed.update("\n".join(np.sort(table.digest).tolist()).encode())
    return cache / f"near-copies-{hashed.hexdigest()}.npy"


def _read(path: Path, size: int) -> Groups | None:
    try:
        kept: Groups = np.load(path, allow_pickle=False)
    except Exception:  # no folder, no rights, or a file of whatever content: it is looked for again
        return None
    return kept if kept.shape == (size,) and kept.dtype == np.int64 else None
