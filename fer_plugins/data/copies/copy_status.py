"""Which images of a split have a copy among the training images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable

Rows = npt.NDArray[np.int64]


def copy_status(table: SampleTable, train: Rows, rows: Rows) -> npt.NDArray[np.str_]:
    """Return for each of ``rows`` whether the training split ``train`` holds a copy of it: (N,).

    "exact": a training image has the same pixels (a row that is itself in ``train``, too); "near": one is in the same
    group of near copies, which are known if the table has ``near``; else "".
    """
    assert table.digest is not None
    status = np.zeros(len(rows), dtype="<U5")
    if table.near is not None:
        status[np.isin(table.near[rows], table.near[train])] = "near"
    status[np.isin(table.digest[rows], table.digest[train])] = "exact"
    return status


def count_copies(table: SampleTable, fold: Fold) -> dict[str, dict[str, int | None]]:
    """Count the images of validation and test that have a copy in training.

    Returns split -> {"exact": images, "near": images with a near copy and no identical one; None: not searched}.
    """
    counts: dict[str, dict[str, int | None]] = {}
    for split in SPLITS[1:]:
        status = copy_status(table, fold.train, getattr(fold, split))
        near = None if table.near is None else int((status == "near").sum())
        counts[split] = {"exact": int((status == "exact").sum()), "near": near}
    return counts
