"""Offline augmentation: makes images once, until every class has a given number."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fer_plugins.contract import SampleTransform
from fer_plugins.data.images import digest_of
from fer_plugins.data.loaders import apply_transform, seeded
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.seeds import derive

Images = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


class Offline(NamedTuple):
    """What makes images, and how many there are afterwards."""

    transform: SampleTransform | nn.Module
    per_class: int | None = None  # images of each class; None: as many as the largest class has
    total: int | None = None  # images of all classes together, instead of per_class


def balance_classes(
    images: Images,
    table: SampleTable,
    rows: Rows,
    offline: Offline,
    *,
    seed: int,
) -> tuple[Images, SampleTable, Rows]:
    """Give each class of ``rows`` the same number of images: made of those it has, or fewer of them.

    A class's images are taken in turn, so that each is the parent of as many new ones as any other, give or take one. A
    new image is its parent's row with ``source`` "PARENT#1" and so on, ``parent`` its parent's source, and a digest of
    its own. A class with more images than asked for keeps some, drawn at random. The same seed gives the same bits.

    Args:
        images: (N, S, S, C) of the whole table.
        table: N samples, with ``digest``.
        rows: the rows to balance; others are left alone.
        offline: what makes a new image of an old one, and the numbers. Where ``total`` is no multiple of the number of
            classes, those with the most images of their own have one more (of equals, the first).
        seed: of the draws.

    Returns:
        Images and table with the new rows at their end, and the rows of the balanced split, sorted.

    Raises:
        InputError: a number leaves a class without an image, or the images are mapped from a file.
    """
    refuse_mapped(images)
    counts = np.bincount(table.label[rows], minlength=int(table.label.max()) + 1)
    wanted = _wanted(counts, offline)
    order = table.canonical_order()
    order = order[np.isin(order, rows)]
    order = order[np.random.default_rng(derive(seed, "offline")).permutation(len(order))]
    kept, parents = [], []
    for label in np.flatnonzero(counts):
        own = order[table.label[order] == label]
        kept.append(own[: wanted[label]])
        parents.append(np.resize(own, max(0, wanted[label] - len(own))))
    parent_rows = np.concatenate(parents).astype(np.int64)
    with_parent = replace(table, parent=table.parent if table.parent is not None else table.source)
    if not len(parent_rows):
        return images, with_parent, np.sort(np.concatenate(kept))
    made = np.stack(
        [_make(images[row], offline.transform, derive(seed, "offline", place)) for place, row in enumerate(parent_rows)]
    )
    joined = _append(with_parent, parent_rows, np.array([digest_of(image) for image in made]))
    new = np.arange(len(table), len(joined))
    return np.concatenate([images, made]), joined, np.sort(np.concatenate([*kept, new]))


def _wanted(counts: npt.NDArray[np.int64], offline: Offline) -> npt.NDArray[np.int64]:
    """Return how many images each class is to have; 0 for a class without any."""
    present = counts > 0
    if offline.total is None:
        each = int(counts.max()) if offline.per_class is None else offline.per_class
        if each < 1:
            raise InputError(f"data.balance_to is {each}; give at least 1 image a class")
        return np.where(present, each, 0)
    each, more = divmod(offline.total, int(present.sum()))
    if each < 1:
        raise InputError(
            f"data.balance_total is {offline.total}; give at least 1 image of each of {present.sum()} classes"
        )
    wanted = np.where(present, each, 0)
    wanted[np.argsort(-counts, kind="stable")[:more]] += 1
    return wanted


def refuse_mapped(images: Images) -> None:
    """Refuse images that do not fit into memory, where the made ones would have to join them.

    Raises:
        InputError: the images are mapped from a file.
    """
    if isinstance(images, np.memmap):
        raise InputError(
            "data.balance: augment adds images in memory, these are mapped from a file; raise data.memory_gb"
        )


def _make(image: Images, transform: SampleTransform | nn.Module, seed: int) -> Images:
    if not isinstance(transform, nn.Module):
        with seeded(seed, transform):
            return apply_transform(transform, image.copy())
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        changed = transform(batch)[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    made: Images = changed.permute(1, 2, 0).numpy()
    return made


def _append(table: SampleTable, parent_rows: Rows, digests: npt.NDArray[np.str_]) -> SampleTable:
    assert table.parent is not None
    times: dict[str, int] = {}
    sources = []
    for parent in table.source[parent_rows].tolist():
        times[parent] = times.get(parent, 0) + 1
        sources.append(f"{parent}#{times[parent]}")
    added = replace(table.rows(parent_rows), source=np.array(sources), digest=digests)
    columns = {name: np.concatenate([column, getattr(added, name)]) for name, column in table.columns()}
    return SampleTable(**columns)
