"""The official split without its leaks: images with a copy in a split that comes later are left out."""

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

DRAWS_NOTHING = ("official_deduplicated",)  # protocols that the seed does not change

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
    """The release's split without copies across splits, as one fold. The seed changes nothing.

    Training images with a copy in validation or test leave training, validation images with a copy in test leave
    validation. The test split stays whole, so that results can be compared with those of the official split.

    Args:
        table: the samples, with ``digest``.
        seed: changes nothing.
        copies: near: identical images, and images that show the same photograph mirrored, shifted, cropped,
            recompressed or of other brightness; exact: identical images alone.
        contradicting: what becomes of copies within training whose labels differ: keep; drop: all of the group leave;
            majority: those leave that have not the label of more than half of the group.
        list: source of the near copies: search (in these images), shipped (the list of the official FER-2013 in the
            package), or the path of a list that fer data audit --export (fer-data-audit) wrote.

    Raises:
        InputError: the release lacks a split, near copies were not looked for, or the list is of other images.
    """
    del seed
    return [_leave_out(table, copies, contradicting, list)[0]]


def _leave_out(
    table: SampleTable, copies: Copies, contradicting: Contradicting, source: str
) -> tuple[Fold, dict[str, int]]:
    """Return the fold, and how many images left which split for which reason; computed once a run."""
    key = (id(table), copies, contradicting, source)
    # The value holds the table, so that no other gets its id.
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
    """Return a number for every image, the same for its copies."""
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
    """Return the rows of ``train`` whose copies in ``train`` agree with them, as ``contradicting`` says."""
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
