"""Prepares a fold of a dataset: loads the images, runs the protocol, searches for leaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_plugins.contract import Dataset, Fold
from fer_plugins.data.augmentations.shift import compare_detail
from fer_plugins.data.copies.near_groups import NearCopies, add_near_groups
from fer_plugins.data.images import Progress, load_images
from fer_plugins.data.leaks import Leaks, find_leaks
from fer_plugins.data.offline import Images, Offline, balance_classes, refuse_mapped
from fer_plugins.data.protocols.fold_splits import count_classes, missing_classes
from fer_plugins.data.protocols.official import (
    ProtocolCall,
    augments_first,
    describe_fold,
    pick_fold,
    split_folds,
)
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice


@dataclass(frozen=True)
class PreparedFold:
    """The images of a dataset and their split in one fold."""

    images: Images  # (N, S, S, C) uint8, read-only
    table: SampleTable  # N rows
    fold: Fold  # rows of the table
    classes: tuple[str, ...]
    notes: tuple[str, ...]  # notes of the dataset
    warnings: tuple[str, ...]
    from_cache: bool
    load_seconds: float
    counts: dict[str, dict[str, int]]  # split -> class -> images
    counts_before: dict[str, dict[str, int]]  # the same, before offline augmentation, for the split that it changes
    fold_count: int
    leaks: Leaks | None  # None if not searched
    fingerprint: str  # of the whole dataset
    split_hash: str  # of the fold


def prepare_fold(
    dataset: Dataset,
    *,
    name: str,
    protocol: ProtocolCall,
    image_size: int,
    channels: int,
    seed: int,
    fold: int,
    limit: int | float | None,
    on_leaks: str,
    near_copies: NearCopies,
    offline: Offline | None,
    memory_gb: float,
    cache: Path | None,
    progress: Progress | None,
) -> PreparedFold:
    """Load the images, run the protocol and check its result.

    The arguments are those of :class:`~fer_plugins.data.datamodule.FERDataModule`. With ``on_leaks`` "warn", leaks are
    added to ``warnings``; with "off", they are not searched. Images generated offline are added to the training split,
    or to all images before the split if a (flawed) protocol sets ``augments_first``.

    Raises:
        InputError: The dataset, an option or the protocol's fold is invalid, a split is empty, a class is missing from
            the training split, or the splits leak and ``on_leaks`` is "error".
    """
    loaded = load_images(
        dataset,
        name=name,
        image_size=image_size,
        channels=channels,
        cache=cache,
        memory_gb=memory_gb,
        progress=progress,
    )
    classes, images, before = loaded.classes, loaded.images, {}
    table = add_near_groups(loaded.images, loaded.table, protocol, near_copies, cache, limited=limit is not None)
    if offline is not None and augments_first(protocol):
        subset = np.arange(len(table)) if limit is None else table.subset(limit)
        before = {"all": table.label[subset]}
        refuse_mapped(images)
        images, table = images[subset], table.rows(subset)
        images, table, rows = balance_classes(images, table, np.arange(len(table)), offline, seed=seed)
        images, table, limit = images[rows], table.rows(rows), None
    folds = split_folds(table, protocol, limit=limit)
    rows_of = pick_fold(folds, fold, protocol)
    description = describe_fold(protocol, table, limit)
    if offline is not None and not before:
        before = {"train": table.label[rows_of.train]}
        images, table, train = balance_classes(images, table, rows_of.train, offline, seed=seed)
        rows_of = rows_of._replace(train=train)
    images.flags.writeable = False
    counts = count_classes(table, rows_of, classes, owner=f"dataset {name}")
    leaks = None if on_leaks == "off" else find_leaks(table, rows_of)
    warnings = [compare_detail(images, rows_of.train, rows_of.val), missing_classes(counts)]
    if leaks and (sentences := leaks.sentences()):
        text = f"the splits leak: {'; '.join(sentences)}"
        if on_leaks == "error":
            raise InputError(f"{text}; use another protocol, or --data.leaks warn")
        warnings.append(Notice("leaks", text, leaks.as_dict()))
    return PreparedFold(
        images,
        table,
        rows_of,
        classes,
        loaded.notes if description is None else (*loaded.notes, description),
        tuple(warning for warning in warnings if warning),
        loaded.from_cache,
        loaded.seconds,
        counts,
        {
            split: dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
            for split, labels in before.items()
        },
        len(folds),
        leaks,
        loaded.table.fingerprint(classes),
        table.split_hash(rows_of._asdict(), classes),
    )
