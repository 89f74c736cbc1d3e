"""The cross-dataset protocol: trains and selects on one dataset and also tests on other, unseen datasets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fer_plugins.contract import Fold
from fer_plugins.data.protocols.fold_protocols import official_val, subject_kfold
from fer_plugins.data.protocols.official import official, random
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError


def cross_dataset(table: SampleTable, seed: int, *, parts: int = 10, dedupe: bool = True) -> list[Fold]:
    """Train, select and test on a dataset, and also test on all images of the datasets in ``data.targets``.

    The dataset is split by its official split; without an official validation split, 1/``parts`` of its training split
    validates; without an official test split, its subjects are divided into ``parts`` groups, of which one tests and
    one validates; without subjects, it is split at random by sample. The test split contains the dataset's own test
    split and all images of the other datasets, whose scores are reported separately.

    Args:
        table: the joined samples, with ``origin``.
        seed: seed of the split, if it is not completely official.
        parts: number of parts, at least 3, if the dataset has no complete official split: one validates and, without an
            official test split, one tests.
        dedupe: leave out test images of other datasets that have a copy or a near copy in the training or validation
            split (near copies unless ``data.near_copies`` is off).

    Raises:
        InputError: No dataset was joined, or the dataset cannot be split.
    """
    if table.origin is None or not (table.origin != "").any():
        raise InputError("protocol cross_dataset: there is nothing to test on; give --data.targets.NAME.root PATH")
    if parts < 3:
        raise InputError(f"protocol.parts is {parts}; give at least 3")
    own = np.flatnonzero(table.origin == "")
    fold = Fold(*(own[rows] for rows in _own_split(table.rows(own), seed, parts)))
    targets = np.flatnonzero(table.origin != "")
    if dedupe:
        fitted = np.concatenate([fold.train, fold.val])
        for column in (table.digest, table.near):
            if column is not None:
                targets = targets[~np.isin(column[targets], column[fitted])]
    return [Fold(fold.train, fold.val, np.sort(np.concatenate([fold.test, targets])))]


cross_dataset.wants_near_copies = True  # type: ignore[attr-defined]


def _own_split(table: SampleTable, seed: int, parts: int) -> Fold:
    splits = set() if table.split is None else set(table.split.tolist())
    if {"train", "val", "test"} <= splits:
        return official(table, seed)[0]
    if {"train", "test"} <= splits:
        return official_val(table, seed, share=1 / parts)[0]
    table = replace(table, split=None)
    if table.subject is not None:
        return subject_kfold(table, seed, k=parts)[0]
    return random(table, seed, val=1 / parts, test=1 / parts)[0]
