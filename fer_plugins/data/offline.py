"""Offline augmentation: generates new images once, until every class has a given number of images."""

from __future__ import annotations

from collections import Counter
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
    """The augmentation that generates new images, and the resulting number of images."""

    transform: SampleTransform | nn.Module
    per_class: int | None = None  # images per class; None: the size of the largest class
    total: int | None = None  # images of all classes, instead of per_class


def balance_classes(
    images: Images, table: SampleTable, rows: Rows, offline: Offline, *, seed: int
) -> tuple[Images, SampleTable, Rows]:
    """Give each class of ``rows`` the same number of images, by augmenting its images or dropping some at random.

    The images of a class are augmented in turn, so that their numbers of new images differ by at most one. A new row is
    a copy of its parent's with ``source`` "PARENT#1" and so on, the parent's source as ``parent``, and its own digest.
    The same seed gives bitwise the same images.

    Args:
        images: (N, S, S, C), one per row of the table.
        table: N samples, with ``digest``.
        rows: Rows to balance; other rows are kept.
        offline: The augmentation and the numbers. If ``total`` is not a multiple of the number of classes, those with
            the most images get one more (the first ones if equal).
        seed: Random seed.

    Returns:
        Images and table with the new rows at the end, and the rows of the balanced split, sorted.

    Raises:
        InputError: A number leaves a class without images, or the images are memory-mapped.
    """
    refuse_mapped(images)
    counts = np.bincount(table.label[rows], minlength=int(table.label.max()) + 1)
    sizes = _target_sizes(counts, offline)
    order = table.canonical_order()
    order = order[np.isin(order, rows)]
    order = order[np.random.default_rng(derive(seed, "offline")).permutation(len(order))]
    originals, parents = [], []
    for label in np.flatnonzero(counts):
        of_class = order[table.label[order] == label]
        originals.append(of_class[: sizes[label]])
        parents.append(np.resize(of_class, max(0, sizes[label] - len(of_class))))
    parent_rows = np.concatenate(parents).astype(np.int64)
    table = replace(table, parent=table.source if table.parent is None else table.parent)
    if not len(parent_rows):
        return images, table, np.sort(np.concatenate(originals))
    made = np.stack(
        [_augment(images[row], offline.transform, derive(seed, "offline", i)) for i, row in enumerate(parent_rows)]
    )
    joined = _append(table, parent_rows, np.array([digest_of(image) for image in made]))
    new = np.arange(len(table), len(joined))
    return np.concatenate([images, made]), joined, np.sort(np.concatenate([*originals, new]))


def _target_sizes(counts: npt.NDArray[np.int64], offline: Offline) -> npt.NDArray[np.int64]:
    """Return the number of images each class should have; 0 for a class without images."""
    present = counts > 0
    if offline.total is None:
        size = int(counts.max()) if offline.per_class is None else offline.per_class
        if size < 1:
            raise InputError(f"data.balance_to is {size}; give at least 1 image a class")
        return np.where(present, size, 0)
    size, rest = divmod(offline.total, int(present.sum()))
    if size < 1:
        raise InputError(
            f"data.balance_total is {offline.total}; give at least 1 image of each of {present.sum()} classes"
        )
    sizes = np.where(present, size, 0)
    sizes[np.argsort(-counts, kind="stable")[:rest]] += 1
    return sizes


def refuse_mapped(images: Images) -> None:
    """Raise InputError if the images are memory-mapped, because new ones would have to be added in memory."""
    if isinstance(images, np.memmap):
        raise InputError(
            "data.balance: augment adds images in memory, these are mapped from a file; raise data.memory_gb"
        )


def _augment(image: Images, transform: SampleTransform | nn.Module, seed: int) -> Images:
    if not isinstance(transform, nn.Module):
        with seeded(seed, transform):
            return apply_transform(transform, image.copy())
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        augmented = transform(batch)[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    pixels: Images = augmented.permute(1, 2, 0).numpy()
    return pixels


def _append(table: SampleTable, parent_rows: Rows, digests: npt.NDArray[np.str_]) -> SampleTable:
    times: Counter[str] = Counter()
    sources = []
    for parent in table.source[parent_rows].tolist():
        times[parent] += 1
        sources.append(f"{parent}#{times[parent]}")
    new = replace(table.rows(parent_rows), source=np.array(sources), digest=digests)
    return SampleTable(**{name: np.concatenate([column, getattr(new, name)]) for name, column in table.columns()})
