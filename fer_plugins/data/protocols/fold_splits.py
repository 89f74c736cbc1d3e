"""Contents of the splits of a fold: images per class, agreement with the official split, images of other datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError


def find_release_splits(table: SampleTable, fold: Fold, *, limited: bool) -> list[str]:
    """Return the splits of a fold that contain the same images as the official split of that name.

    Images of other datasets, which are only used for testing, are ignored. If ``limited``, a split may lack some of the
    official images, but must not contain others.
    """
    if table.split is None:
        return []
    own = np.ones(len(table), dtype=bool) if table.origin is None else table.origin == ""
    official = []
    for split, rows in zip(SPLITS, fold, strict=True):
        rows = rows[own[rows]]
        size = int((own & (table.split == split)).sum())
        if len(rows) and (table.split[rows] == split).all() and (limited or len(rows) == size):
            official.append(split)
    return official


def count_targets(table: SampleTable, fold: Fold, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return {dataset: {class: number of test images}} of datasets only used for testing; {} if there are none."""
    if table.origin is None:
        return {}
    origin, label = table.origin[fold.test], table.label[fold.test]
    return {
        name: dict(zip(classes, np.bincount(label[origin == name], minlength=len(classes)).tolist(), strict=True))
        for name in sorted(set(origin.tolist()) - {""})
    }


def count_classes(table: SampleTable, fold: Fold, classes: Sequence[str], *, owner: str) -> dict[str, dict[str, int]]:
    """Return {split: {class: number of samples}} of the dataset used for training, without those only used for testing.

    Validation and test may lack a class (a subject who does not show it).

    Raises:
        InputError: A split is empty, or a class has no sample in the training split.
    """
    counted = {}
    for split, rows in zip(SPLITS, fold, strict=True):
        own = rows if table.origin is None else rows[table.origin[rows] == ""]
        counts = np.bincount(table.label[own], minlength=len(classes)).tolist()
        if len(own) == 0:
            raise InputError(
                f"no sample is in split {split} of {owner}; raise data.limit where that is set, or use another protocol"
            )
        if split == "train" and 0 in counts:
            label = counts.index(0)
            if not (table.label == label).any():
                raise InputError(
                    f"class {classes[label]} has no sample at all in {owner}; add images of it, raise data.limit where "
                    "that is set, or read the copy as --data folder, whose classes are those that are there"
                )
            raise InputError(
                f"class {classes[label]} has no sample in split {split} of {owner}; raise data.limit where that is "
                "set, or use another protocol, such as --protocol random"
            )
        counted[split] = dict(zip(classes, counts, strict=True))
    return counted


def missing_classes(counts: Mapping[str, Mapping[str, int]]) -> str | None:
    """Return a sentence about the classes that are missing from validation or test, or None."""
    missing = []
    for split in ("val", "test"):
        names = [name for name, number in counts[split].items() if not number]
        if names:
            missing.append(f"{', '.join(names)} in {split}")
    if not missing:
        return None
    return f"no sample of {' and none of '.join(missing)}: their scores are averages over fewer classes"
