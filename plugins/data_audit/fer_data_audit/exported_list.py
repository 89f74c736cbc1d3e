"""Create and write the list of a dataset's copies, in formats for any program; the core reads it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np

from fer_plugins.contract import SPLITS
from fer_plugins.data.copies.copy_list import FORMAT, CopyList, Groups, hash_pixels, join_copies
from fer_plugins.data.table import SampleTable

_COLUMNS = ("row", "usage", "group", "kind", "digest")
_USAGE = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}  # names of the splits in FER-2013's csv
_NOTE = (
    "Images of one group show the same photograph. Holds no image and no label. The list may be used like the program "
    "that made it (Apache-2.0); it gives no right to the images, which are under the terms of their publisher."
)
_EXPLAINED = {
    "row": "counted from 0 in the dataset's own order (fer2013.csv: 0 is the first row below the header)",
    "kind": "exact where all images of the group have the same pixels, else near",
    "digest": "BLAKE2b of 8 bytes over the shape as text, (48, 48, 1), and the pixels row by row",
}


def list_copies(table: SampleTable, near: Groups, title: str) -> CopyList:
    """List the images that have a copy; ``near`` (N,) numbers groups of near copies, ``title`` is the dataset's."""
    assert table.digest is not None
    _, joined, size = np.unique(join_copies(table, near), return_inverse=True, return_counts=True)
    row = np.flatnonzero(size[joined] > 1)
    _, leader, member = np.unique(joined[row], return_index=True, return_inverse=True)
    group = np.argsort(np.argsort(leader))[member] + 1  # in the order of each group's first image
    order = np.lexsort((row, group))
    row, group = row[order], group[order]
    digest = table.digest[row]
    kinds = np.unique(np.stack([group, np.unique(digest, return_inverse=True)[1]]), axis=1)[0]
    near_groups = np.flatnonzero(np.bincount(kinds) > 1)
    split = np.full(len(table), "") if table.split is None else table.split
    usage = _USAGE if title == "FER2013" else {}
    numbered = all(source.endswith(f":row {number}") for number, source in enumerate(table.source.tolist(), start=1))
    return CopyList(
        title,
        hash_pixels(table),
        {name: int((split == name).sum()) for name in (*SPLITS, "") if (split == name).any()},
        row,
        np.array([usage.get(name, name) for name in split[row]], dtype=np.str_),
        group,
        np.where(np.isin(group, near_groups), "near", "exact"),
        digest,
        None if numbered else table.source[row],
    )


def as_json(copies: CopyList) -> str:
    """Return the list as JSON: the meaning of the columns, then one row per image."""
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in _rows(copies))
    head = json.dumps({**_head(copies), "columns": _columns(copies)}, indent=1, ensure_ascii=False)
    return f'{head[:-2]},\n "rows": [\n{rows}\n]\n}}\n'


def as_csv(copies: CopyList) -> str:
    """Return the list as CSV, with a description in leading lines that begin with #."""
    text = io.StringIO()
    for name, value in _head(copies).items():
        line = "; ".join(f"{key or '-'}: {entry}" for key, entry in value.items()) if isinstance(value, dict) else value
        text.write(f"# {name}: {line}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(copies))
    writer.writerows(_rows(copies))
    return text.getvalue()


def _head(copies: CopyList) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "dataset": copies.dataset,
        "pixels": copies.pixels,
        "images": dict(copies.images),
        "listed": len(copies.row),
        "licence": _NOTE,
        **{f"column {name}": text for name, text in _EXPLAINED.items()},
    }


def _columns(copies: CopyList) -> list[str]:
    return [*_COLUMNS, *(() if copies.source is None else ("source",))]


def _rows(copies: CopyList) -> list[tuple[Any, ...]]:
    return list(zip(*(getattr(copies, name).tolist() for name in _columns(copies)), strict=True))
