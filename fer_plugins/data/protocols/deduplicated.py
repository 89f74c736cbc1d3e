"""The official split without its leaks: images with a copy in a later split are left out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from fer_plugins.contract import Fold
from fer_plugins.data.copies.copy_list import groups_of, join_copies, read_copies
from fer_plugins.data.protocols.official import Rows, release_fold
from fer_plugins.data.read_once import once
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice

DRAWS_NOTHING = ("official_deduplicated",)  # protocols on which the seed has no effect

Copies = Literal["near", "exact"]
Contradicting = Literal["keep", "drop", "majority"]
NAME = "official_deduplicated"


def official_deduplicated(
    table: SampleTable,
    seed: int,
    *,
    copies: Literal["near", "exact"] = "near",
    contradicting: Literal["keep", "drop", "majority"] = "keep",
    list: str = "search",
) -> list[Fold]:
    """Return the official split without copies across splits, as one fold. The seed has no effect.

    Training images with a copy in validation or test are removed from training, and validation images with a copy in
    test from validation. The test split stays complete, so that results can be compared with those on the official
    split.

    Args:
        table: the samples, with ``digest``.
        seed: has no effect.
        copies: "exact": identical images only; "near": also images that show the same photograph flipped, shifted,
            cropped, recompressed or with changed brightness.
        contradicting: what to do with copies within the training split whose labels differ: "keep" them, "drop" all
            images of the group, or "majority": drop those without the label of more than half of the group.
        list: source of the near copies: "search" (in these images), "shipped" (the list for the official FER-2013 in
            the package), or the path of a list written by fer data audit --export (of fer-data-audit).

    Raises:
        InputError: The release lacks a split, near copies were not searched, or the list is for other images.
    """
    del seed
    return [_leave_out(table, copies, contradicting, list)[0]]


def _leave_out(
    table: SampleTable, copies: Copies, contradicting: Contradicting, source: str
) -> tuple[Fold, dict[str, int]]:
    """Return the fold, and the number of images left out by split and reason; computed once per run."""
    key = (id(table), copies, contradicting, source)
    # The value keeps a reference to the table, so that its id is not reused.
    return once("left_out", key, lambda: (table, _compute_fold(table, copies, contradicting, source)))[1]


def _compute_fold(
    table: SampleTable, copies: Copies, contradicting: Contradicting, source: str
) -> tuple[Fold, dict[str, int]]:
    fold = release_fold(table, NAME)
    group = _group(table, copies, source)
    val = fold.val[~np.isin(group[fold.val], group[fold.test])]
    held_out = np.concatenate([fold.val, fold.test])
    without_copies = fold.train[~np.isin(group[fold.train], group[held_out])]
    train = without_copies
    if contradicting != "keep":
        train = _without_contradiction(table, train, group, contradicting)
    return Fold(train, val, fold.test), {
        "train_with_copy_in_val_or_test": len(fold.train) - len(without_copies),
        "train_contradicting": len(without_copies) - len(train),
        "val_with_copy_in_test": len(fold.val) - len(val),
    }


def _group(table: SampleTable, copies: Copies, source: str) -> Rows:
    """Return a group number for every image, the same for its copies."""
    if copies == "exact":
        if source != "search":
            raise InputError(
                "protocol.list has no effect with protocol.copies exact, which compares the pixels; leave it out"
            )
        return join_copies(table, None)
    if source != "search":
        return groups_of(table, read_copies(source))
    if table.near is None:
        raise InputError(
            f"protocol {NAME}: near copies were not looked for; leave data.near_copies out, or give "
            "--protocol.copies exact"
        )
    return join_copies(table, table.near)


def _without_contradiction(table: SampleTable, train: Rows, group: Rows, contradicting: Contradicting) -> Rows:
    """Return the rows of ``train`` whose labels agree with their copies in ``train``, as ``contradicting`` requires."""
    _, member, size = np.unique(group[train], return_inverse=True, return_counts=True)
    pairs = np.stack([member, table.label[train]])
    _, pair, pair_size = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    of_group, of_label = size[member], pair_size[pair.reshape(-1)]
    agreeing: Rows = train[of_label == of_group if contradicting == "drop" else 2 * of_label > of_group]
    return agreeing


def _wants_near_copies(copies: Copies = "near", list: str = "search", **_: Any) -> bool:
    return copies == "near" and list == "search"


def _describe(
    table: SampleTable,
    *,
    copies: Copies = "near",
    contradicting: Contradicting = "keep",
    list: str = "search",
    **_: Any,
) -> Notice:
    fold, counts = _leave_out(table, copies, contradicting, list)
    return Notice(
        "left_out",
        f"Left out for their {copies} copies: {counts['train_with_copy_in_val_or_test']:,} images of train with a copy "
        f"in val or test, {counts['val_with_copy_in_test']:,} of val with a copy in test, "
        f"{counts['train_contradicting']:,} of train whose copies have another label; {len(fold.train):,} train, "
        f"{len(fold.val):,} val and {len(fold.test):,} test images remain.",
        {"copies": copies, "contradicting": contradicting, "list": list, **counts},
    )


official_deduplicated.wants_near_copies = _wants_near_copies  # type: ignore[attr-defined]
official_deduplicated.describe = _describe  # type: ignore[attr-defined]
