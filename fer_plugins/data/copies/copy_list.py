"""Reads lists of a dataset's copies, which contain row numbers and digests but no images, and applies them."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer_plugins.config.installed_commands import fer_command
from fer_plugins.data.split_names import split_of
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError

FORMAT = "fer-plugins copies 1"
SHIPPED = "fer2013_copies.csv"  # of the official FER-2013

Groups = npt.NDArray[np.int64]
Strings = npt.NDArray[np.str_]


@dataclass(frozen=True)
class CopyList:
    """All images that have a copy; each column has one entry per image, sorted by group and row."""

    dataset: str  # title of the dataset
    pixels: str  # hash of all images of the dataset, see hash_pixels
    images: Mapping[str, int]  # split ("" if the release has none) -> number of images in the dataset
    row: Groups
    usage: Strings  # the split, for FER-2013 as named in its csv file
    group: Groups  # counted from 1
    kind: Strings  # "exact" or "near", the same for all images of a group
    digest: Strings  # 16 hex digits; see fer_plugins.data.images.digest_of
    source: Strings | None = None  # file names, if row numbers do not follow the order of the file


def join_copies(table: SampleTable, near: Groups | None) -> Groups:
    """Return group numbers (N,), the same for identical images and, if ``near`` (N,) is given, for near copies."""
    assert table.digest is not None
    exact: Groups = np.unique(table.digest, return_inverse=True)[1].astype(np.int64)
    if near is None:
        return exact
    number = np.unique(near, return_inverse=True)[1]
    size = exact.max(initial=0) + 1
    links = coo_array((np.ones(len(exact)), (exact, size + number)), shape=(2 * len(exact), 2 * len(exact)))
    group: Groups = connected_components(links, directed=False)[1][exact].astype(np.int64)
    return group


def hash_pixels(table: SampleTable) -> str:
    """Hash the pixels of all images, independent of their order, labels and splits: 16 hex digits."""
    assert table.digest is not None
    return hashlib.blake2b("\n".join(np.sort(table.digest).tolist()).encode(), digest_size=8).hexdigest()


def read_copies(path: str | Path) -> CopyList:
    """Read a list written by ``fer data audit --export`` (CSV or JSON), or, for "shipped", that of FER-2013.

    Raises:
        InputError: The file cannot be read or is not such a list.
    """
    if path == "shipped":
        return read_shipped()
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise InputError(
            f"{path}: cannot be read ({why}); give shipped, or a list written by {fer_command('data audit --export')}"
        ) from None
    return _parse(text, str(path))


@cache
def read_shipped() -> CopyList:
    """Read the list of the official FER-2013 dataset that is part of the package."""
    return _parse(resources.files(__package__).joinpath(SHIPPED).read_text(encoding="utf-8"), SHIPPED)


def _parse(text: str, where: str) -> CopyList:
    try:
        if text.lstrip().startswith("{"):
            content = json.loads(text)
            images, names, rows = content["images"], content["columns"], content["rows"]
        else:
            lines = text.rstrip("\n").split("\n")
            content = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
            names, *rows = csv.reader(line for line in lines if not line.startswith("#"))
            images = dict(entry.split(": ") for entry in content["images"].split("; "))
        if content["format"] != FORMAT or int(content["listed"]) != len(rows):
            raise ValueError
        columns = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
        splits = {name.replace("-", "") for name in images}
        if not {split_of(usage) or "" for usage in columns["usage"]} <= splits or {*columns["kind"]} - {
            "exact",
            "near",
        }:
            raise ValueError
        return CopyList(
            content["dataset"],
            content["pixels"],
            {name.replace("-", ""): int(number) for name, number in images.items()},
            np.array(columns["row"], np.int64),
            np.array(columns["usage"], np.str_),
            np.array(columns["group"], np.int64),
            np.array(columns["kind"], np.str_),
            np.array([re.fullmatch("[0-9a-f]{16}", digest)[0] for digest in columns["digest"]], np.str_),  # type: ignore[index]
            np.array(columns["source"], np.str_) if "source" in columns else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, csv.Error):
        raise InputError(
            f"{where}: is not a list of copies, or was altered; make it again with {fer_command('data audit --export')}"
        ) from None


def groups_of(table: SampleTable, copies: CopyList) -> Groups:
    """Return a group number for every image of a table (N,), using a list instead of a search.

    Images are identified by their pixels, so labels, splits and order do not matter, and the table may be only one
    split of the dataset.

    Raises:
        InputError: The list is for other images.
    """
    assert table.digest is not None
    _check_fit(table, copies)
    listed = dict(zip(copies.digest.tolist(), copies.group.tolist(), strict=True))
    alone = copies.group.max(initial=0) + 1 + np.unique(table.digest, return_inverse=True)[1]
    groups = (listed.get(digest, int(own)) for digest, own in zip(table.digest.tolist(), alone, strict=True))
    return np.fromiter(groups, np.int64, len(table))


def _check_fit(table: SampleTable, copies: CopyList) -> None:
    """Raise an error if far fewer listed images of a split are present than expected, or none at all."""
    assert table.digest is not None
    misfit = f"the list of copies of {copies.dataset} does not fit these images"
    complete, present = len(table) >= sum(copies.images.values()), np.isin(copies.digest, table.digest)
    if complete and not present.any() and hash_pixels(table) != copies.pixels:
        raise InputError(f"{misfit}: none of its images is here; give --protocol.list search")
    listed = np.array([split_of(usage) or "" for usage in copies.usage])
    for split, total in copies.images.items():
        own = np.full(len(table), True) if table.split is None or not split else table.split == split
        expected = min(1.0, own.sum() / max(total, 1)) * (listed == split).sum()
        matched = int(present[listed == split].sum())
        if matched < expected / 2 - 2 * expected**0.5:
            raise InputError(
                f"{misfit}: of its {split or 'images'} {matched:,} are here, about {expected:,.0f} should be; the "
                "images were altered or are others: give --protocol.list search"
            )
