"""What the parts of a fold are made of: whether they are the release's own, and which datasets they hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable


def find_release_parts(table: SampleTable, fold: Fold, *, limited: bool) -> list[str]:
    """Return the splits of a fold that hold the images which the release has in its split of that name.

    Other datasets that are tested on beside are no part of the release and do not count.

    Args:
        table: the samples.
        fold: rows of the table.
        limited: whether only some of the images are used; then a part need not have all of the release's, but no
            other ones.
    """
    if table.split is None:
        return []
    own = np.ones(len(table), dtype=bool) if table.origin is None else table.origin == ""
    found = []
    for split, rows in zip(SPLITS, fold, strict=True):
        chosen = rows[own[rows]]
        whole = int((own & (table.split == split)).sum())
        if len(chosen) and (table.split[chosen] == split).all() and (limited or len(chosen) == whole):
            found.append(split)
    return found


def count_targets(table: SampleTable, fold: Fold, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return {dataset: {class: test images}} of the datasets that are only tested on; {} where there are none."""
    if table.origin is None:
        return {}
    origin, label = table.origin[fold.test], table.label[fold.test]
    return {
        name: dict(zip(classes, np.bincount(label[origin == name], minlength=len(classes)).tolist(), strict=True))
        for name in sorted(set(origin.tolist()) - {""})
    }
