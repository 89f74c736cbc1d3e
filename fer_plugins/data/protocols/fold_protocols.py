"""Protocols other than the official split: k folds and disjoint groups, using scikit-learn's splitters.

All are pure functions of table and seed; the same images give the same folds, whatever the order of the rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold

from fer_plugins.contract import Fold
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.seeds import derive

Rows = npt.NDArray[np.int64]


def official_val(table: SampleTable, seed: int, *, share: float = 0.1) -> list[Fold]:
    """Keep the official test split, and draw validation images from the official training split, stratified by class.

    For releases without a validation split (RAF-DB). Images of the same subject may be in both training and validation;
    the test split is as reliable as the release's. Returns one fold.

    Args:
        table: the samples.
        seed: seed of the random choice of validation samples.
        share: fraction of the training samples of each class that is used for validation, in (0, 1); rounded to 1 / n
            for a whole number n of at least 2.

    Raises:
        InputError: The release has no test split, already has a validation split, or a class has too few samples.
    """
    splits = set() if table.split is None else set(table.split.tolist())
    if table.split is None or not {"train", "test"} <= splits:
        raise InputError(
            "protocol official_val: the dataset has no official train and test split; use --protocol random"
        )
    if "val" in splits:
        raise InputError("protocol official_val: the release has a validation split; use --protocol official")
    parts = _parts_of("share", share)
    order = table.canonical_order()
    release_train = order[table.split[order] == "train"]
    train, val = next(_stratified(table, release_train, parts, derive(seed, "protocol official_val"), "official_val"))
    return [_fold(train, val, np.flatnonzero(table.split == "test"))]


def kfold(table: SampleTable, seed: int, *, k: int = 10) -> list[Fold]:
    """Split by sample into k parts, stratified by class: each part tests once, and the next part validates.

    Official splits are ignored. Every sample is tested exactly once. Images of the same subject, sequence or source can
    be in different parts, so scores are too optimistic if a dataset has any.

    Args:
        table: the samples.
        seed: seed of the random split.
        k: number of folds, at least 3.

    Raises:
        InputError: ``k`` is below 3, or a class has fewer samples than ``k``.
    """
    _check_k(k, "kfold")
    order = table.canonical_order()
    parts = [test for _, test in _stratified(table, order, k, derive(seed, "protocol kfold"), "kfold")]
    return _rotate(parts)


def subject_kfold(table: SampleTable, seed: int, *, k: int = 10) -> list[Fold]:
    """Split by subject into k parts, balancing classes if possible: each part tests once, and the next part validates.

    Training, validation and test have no subject in common. Every sample is tested exactly once. A class shown by only
    a few subjects may be missing from a part.

    Args:
        table: the samples, with subjects.
        seed: seed of the random split.
        k: number of folds, at least 3 and at most the number of subjects.

    Raises:
        InputError: The dataset has no subjects, or fewer than ``k``.
    """
    _check_k(k, "subject_kfold")
    subject = _column(table, "subject", "subject_kfold")
    if len(np.unique(subject)) < k:
        raise InputError(
            f"protocol subject_kfold: {len(np.unique(subject))} subjects make no {k} folds; lower protocol.k"
        )
    order = table.canonical_order()
    return _rotate(_grouped(table, order, subject, k, derive(seed, "protocol subject_kfold")))


def leave_one_subject_out(table: SampleTable, seed: int, *, val_parts: int = 10) -> list[Fold]:
    """Test on one subject at a time, in the order of their names; one part of the other subjects validates.

    Every sample is tested exactly once, and no subject is in two splits. A class that a subject does not show is
    missing from the test split of that fold.

    Args:
        table: the samples, with subjects.
        seed: seed of the random choice of validation subjects.
        val_parts: number of parts into which the other subjects are divided, at least 2; one of them validates.

    Raises:
        InputError: The dataset has no subjects, or fewer than three.
    """
    subject = _column(table, "subject", "leave_one_subject_out")
    names = np.unique(subject)
    if len(names) < 3:
        raise InputError(f"protocol leave_one_subject_out: {len(names)} subjects; at least 3 are needed")
    if val_parts < 2:
        raise InputError(f"protocol.val_parts is {val_parts}; give at least 2")
    order = table.canonical_order()
    folds = []
    for number, (rest, test) in enumerate(LeaveOneGroupOut().split(order, groups=subject[order])):
        parts = min(val_parts, len(names) - 1)
        fold_seed = derive(seed, "protocol leave_one_subject_out", number)
        val = _grouped(table, order[rest], subject, parts, fold_seed)[0]
        folds.append(_fold(np.setdiff1d(order[rest], val), val, order[test]))
    return folds


def sequence_disjoint(table: SampleTable, seed: int, *, val: float = 0.1, test: float = 0.1) -> list[Fold]:
    """Split by sequence, balancing classes if possible, as one fold.

    Frames of a sequence stay together, but sequences of the same subject may not.

    Args:
        table: the samples, with sequences.
        seed: seed of the random split.
        val: fraction of the samples used for validation, in (0, 1); rounded to 1 / n of the samples that are not used
            for testing, for a whole number n of at least 2.
        test: fraction of the samples used for testing, in (0, 1); rounded to 1 / n for a whole number n of at least 2.

    Raises:
        InputError: The dataset has no sequences, too few sequences, or a fraction is out of range.
    """
    sequence = _column(table, "sequence", "sequence_disjoint")
    test_parts = _parts_of("test", test)
    if not val + test < 1:
        raise InputError(f"protocol.val + protocol.test is {val + test:g}; less than 1 must remain, for training")
    val_parts = _parts_of("val", val / (1 - test))
    if len(np.unique(sequence)) < test_parts + 1:
        raise InputError(
            f"protocol sequence_disjoint: {len(np.unique(sequence))} sequences are too few for test {test:g}"
        )
    order = table.canonical_order()
    draw_seed = derive(seed, "protocol sequence_disjoint")
    test_rows = _grouped(table, order, sequence, test_parts, draw_seed)[0]
    rest = order[~np.isin(order, test_rows)]
    val_rows = _grouped(table, rest, sequence, val_parts, draw_seed)[0]
    return [_fold(np.setdiff1d(rest, val_rows), val_rows, test_rows)]


def _check_k(k: int, name: str) -> None:
    if k < 3:
        raise InputError(f"protocol.k is {k}; {name} needs at least 3, one part each to train, validate and test")


def _parts_of(name: str, share: float) -> int:
    if not 0 < share < 1:
        raise InputError(f"protocol.{name} is {share:g}; give a share between 0 and 1")
    return max(2, round(1 / share))


def _column(table: SampleTable, name: str, protocol: str) -> Any:
    column = getattr(table, name)
    if column is None:
        remedy = "random" if table.split is None or set(table.split) != {"train", "val", "test"} else "official"
        raise InputError(f"protocol {protocol}: the dataset names no {name} of its images; use --protocol {remedy}")
    return column


def _stratified(table: SampleTable, rows: Rows, k: int, seed: int, name: str) -> Iterator[tuple[Rows, Rows]]:
    counts = np.bincount(table.label[rows])
    least = int(counts[counts > 0].min())
    if least < k:
        label = int(np.flatnonzero(counts == least)[0])
        raise InputError(
            f"protocol {name}: class {label} (counted from 0) has {least} samples, {k} parts need as "
            "many; add images of it, ask for fewer parts, or raise data.limit where that is set"
        )
    for rest, part in StratifiedKFold(k, shuffle=True, random_state=seed % 2**32).split(rows, table.label[rows]):
        yield rows[rest], rows[part]


def _grouped(table: SampleTable, rows: Rows, group: Any, k: int, seed: int) -> list[Rows]:
    largest = int(np.bincount(table.label[rows]).max())
    if largest < k:
        raise InputError(
            f"the largest class has {largest} samples, {k} parts need as many; ask for fewer parts, or raise "
            "data.limit where that is set"
        )
    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed % 2**32)
    with warnings.catch_warnings():  # a class with fewer groups than parts is missing from some, as documented
        warnings.filterwarnings("ignore", message="The least populated class")
        return [rows[part] for _, part in splitter.split(rows, table.label[rows], groups=group[rows])]


def _rotate(parts: list[Rows]) -> list[Fold]:
    folds = []
    for number, test in enumerate(parts):
        val = parts[(number + 1) % len(parts)]
        rest = [part for part in parts if part is not test and part is not val]
        folds.append(_fold(np.concatenate(rest), val, test))
    return folds


def _fold(train: Rows, val: Rows, test: Rows) -> Fold:
    return Fold(*(np.sort(part).astype(np.int64) for part in (train, val, test)))
