"""Which images of a split have a copy in the training split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable

Rows = npt.NDArray[np.int64]


def copy_status(table: SampleTable, train: Rows, rows: Rows) -> npt.NDArray[np.str_]:
    """Return for each of ``rows`` whether the training split ``train`` contains a copy of it: (N,).

    "exact" if a training image has the same pixels (also for rows that are in ``train`` themselves); "near" if one is
    in the same group of near copies, which requires the column ``near``; else "".
    """
    assert table.digest is not None
    status = np.zeros(len(rows), dtype="<U5")
    if table.near is not None:
        status[np.isin(table.near[rows], table.near[train])] = "near"
    status[np.isin(table.digest[rows], table.digest[train])] = "exact"
    return status


def count_copies(table: SampleTable, fold: Fold) -> dict[str, dict[str, int | None]]:
    """Count the validation and test images that have a copy in the training split.

    Returns:
        Split -> {"exact": number of images, "near": number of images with a near but no identical copy, or None if near
        copies were not searched}.
    """
    counts: dict[str, dict[str, int | None]] = {}
    for split in SPLITS[1:]:
        status = copy_status(table, fold.train, getattr(fold, split))
        near = None if table.near is None else int((status == "near").sum())
        counts[split] = {"exact": int((status == "exact").sum()), "near": near}
    return counts
