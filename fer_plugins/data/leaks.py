"""Leaks between the splits of a fold: identical images and near copies, shared subjects, sequences and originals."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable


@dataclass(frozen=True)
class Leaks:
    """What two splits of a fold have in common; every key is a pair such as ("train", "test")."""

    copies: dict[tuple[str, str], int]  # groups of identical images with a member in both splits
    images: dict[tuple[str, str], int]  # images of the second split that have a copy in the first
    subjects: dict[tuple[str, str], int]  # people in both; {} where the dataset names none
    sequences: dict[tuple[str, str], int]  # recordings in both; {} where the dataset names none
    siblings: dict[tuple[str, str], int]  # images of which both splits hold a made version; {} where none was made
    near: (
        dict[tuple[str, str], int] | None
    )  # images of the second split with a near copy in the first; None: not sought
    conflicts: int  # groups of identical images with different labels, in the whole fold

    def sentences(self) -> list[str]:
        """Return what was found, a sentence each; [] where nothing was."""
        sentences = []
        for pair, groups in self.copies.items():
            if groups:
                sentences.append(
                    f"{_count(groups, 'group')} of identical images between {pair[0]} and {pair[1]} "
                    f"({_count(self.images[pair], 'image')} of {pair[1]})"
                )
        for what, shared in (("subject", self.subjects), ("sequence", self.sequences)):
            sentences += [
                f"{_count(number, what)} in both {pair[0]} and {pair[1]}" for pair, number in shared.items() if number
            ]
        for pair, number in (self.near or {}).items():
            if number > self.images[pair]:
                more = number - self.images[pair]
                sentences.append(f"{_count(more, 'image')} of {pair[1]} with a near copy, not identical, in {pair[0]}")
        for pair, number in self.siblings.items():
            if number:
                sentences.append(f"{_count(number, 'image')} with augmented versions in both {pair[0]} and {pair[1]}")
        if self.conflicts:
            sentences.append(f"{_count(self.conflicts, 'group')} of identical images with different labels")
        return sentences

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the manifest; pairs are written "train/test"."""
        named = {}
        for name in ("copies", "images", "subjects", "sequences", "siblings", "near"):
            shared = getattr(self, name)
            named[name] = shared and {"/".join(pair): number for pair, number in shared.items()}
        return {**named, "conflicts": self.conflicts}


def find_leaks(table: SampleTable, fold: Fold) -> Leaks:
    """Compare the splits of ``fold`` by decoded pixels (``digest`` of ``table``), near copies, subject and sequence.

    A split that is another one (a protocol that validates on the test split) is not compared with it: that is the
    protocol's flaw, which is said elsewhere.
    """
    splits = dict(zip(SPLITS, fold, strict=True))
    pairs = [
        (first, second)
        for first, second in itertools.combinations(SPLITS, 2)
        if not np.array_equal(splits[first], splits[second])
    ]
    assert table.digest is not None
    digest: npt.NDArray[Any] = table.digest
    shared = {pair: np.intersect1d(digest[splits[pair[0]]], digest[splits[pair[1]]]) for pair in pairs}
    rows = np.unique(np.concatenate(fold))
    labelled = np.unique(np.char.add(np.char.add(digest[rows], " "), table.label[rows].astype(np.str_)))
    kinds = np.unique([first.partition(" ")[0] for first in labelled], return_counts=True)[1]
    return Leaks(
        copies={pair: len(digests_shared) for pair, digests_shared in shared.items()},
        images={
            pair: int(np.isin(digest[splits[pair[1]]], digests_shared).sum()) for pair, digests_shared in shared.items()
        },
        subjects=_shared(table.subject, splits, pairs),
        sequences=_shared(table.sequence, splits, pairs),
        near=None
        if table.near is None
        else {(a, b): int(np.isin(table.near[splits[b]], table.near[splits[a]]).sum()) for a, b in pairs},
        siblings=_shared(table.parent, splits, pairs),
        conflicts=int((kinds > 1).sum()),
    )


def _shared(
    column: npt.NDArray[Any] | None, splits: dict[str, npt.NDArray[np.int64]], pairs: list[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    if column is None:
        return {}
    return {pair: len(np.intersect1d(column[splits[pair[0]]], column[splits[pair[1]]])) for pair in pairs}


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
