"""Group copies: exact and near copies, their labels, and overlaps between the splits of a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.copies.candidates import Rows
from fer_plugins.data.copies.near_copies import NearCopies, count_between
from fer_plugins.data.leaks import find_leaks
from fer_plugins.data.table import SampleTable

Strings = npt.NDArray[np.str_]
Splits = Mapping[str, Rows]
Shared = dict[tuple[str, str], tuple[int, int]]  # (first, second) -> (groups in both, images of the second in them)


@dataclass(frozen=True)
class Overlap:
    """Overlaps between the splits of one fold; {} for subjects, sequences or siblings without a column."""

    sizes: dict[str, int]  # number of images in each split
    exact: Shared  # groups of identical images
    near: Shared  # groups of near copies
    subjects: dict[tuple[str, str], int]
    sequences: dict[tuple[str, str], int]
    siblings: dict[tuple[str, str], int]  # number of originals with generated versions in both splits


@dataclass(frozen=True)
class Findings:
    """All findings of an audit; rows are indices of images, with a second dataset after the first."""

    exact: list[Rows]  # groups of identical decoded pixels, largest first
    near: list[Rows]  # groups linked by near copies (with the exact copies of their members), largest first
    pairs: NearCopies  # the pairs behind ``near``; none has identical decoded pixels
    conflicting_exact: list[Rows]  # groups of ``exact`` with more than one label
    conflicting_near: list[Rows]  # groups of ``near`` with more than one label
    in_one_sequence: int  # number of ``pairs`` from one recording, where near copies are expected
    overlaps: list[Overlap]  # one per fold


def find_groups(pairs: NearCopies, table: SampleTable, labels: Strings, splits: Sequence[Splits]) -> Findings:
    """Find everything that an audit reports.

    ``labels`` (N,) are class names, since two datasets share these, not numbers. ``splits`` has one mapping per fold,
    name -> rows; subjects, sequences and generated versions are compared only between "train", "val" and "test", since
    another dataset may use the same name for another person.
    """
    assert table.digest is not None
    exact_group = np.unique(table.digest, return_inverse=True)[1].astype(np.int64)
    near = pairs.take(np.flatnonzero(exact_group[pairs.first] != exact_group[pairs.second]))
    near_group = _near_groups(exact_group, near)
    exact_groups, near_groups = list_groups(exact_group), list_groups(near_group)
    one_sequence = 0
    if table.sequence is not None:
        one_sequence = int((table.sequence[near.first] == table.sequence[near.second]).sum())
    return Findings(
        exact=exact_groups,
        near=near_groups,
        pairs=near,
        conflicting_exact=_with_conflict(exact_groups, labels),
        conflicting_near=_with_conflict(near_groups, labels),
        in_one_sequence=one_sequence,
        overlaps=[_compare_splits(table, splits, exact_group, near_group) for splits in splits],
    )


def list_groups(group: Rows) -> list[Rows]:
    """Return the rows of each group number that occurs more than once, the largest group first."""
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    return sorted((rows for rows in np.split(order, bounds) if len(rows) > 1), key=len, reverse=True)


def _near_groups(exact_group: Rows, near: NearCopies) -> Rows:
    """Return a group number for every image; images without a near copy are alone, even if they have exact copies."""
    size = len(exact_group)
    links = coo_array((np.ones(len(near)), (exact_group[near.first], exact_group[near.second])), shape=(size, size))
    linked = connected_components(links, directed=False)[1][exact_group]
    touched = np.isin(linked, linked[near.first])
    return np.where(touched, linked, size + np.arange(size)).astype(np.int64)


def _with_conflict(groups: list[Rows], labels: Strings) -> list[Rows]:
    return [rows for rows in groups if len(np.unique(labels[rows])) > 1]


def _compare_splits(table: SampleTable, splits: Splits, exact_group: Rows, near_group: Rows) -> Overlap:
    leaks = find_leaks(table, Fold(*(splits[name] for name in SPLITS))) if set(SPLITS) <= set(splits) else None
    return Overlap(
        sizes={name: len(rows) for name, rows in splits.items()},
        exact=count_between(exact_group, splits),
        near=count_between(near_group, splits),
        subjects=leaks.subjects if leaks else {},
        sequences=leaks.sequences if leaks else {},
        siblings=leaks.siblings if leaks else {},
    )
