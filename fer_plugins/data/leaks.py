"""Leaks between the splits of a fold: identical images, near copies, shared subjects, sequences and originals."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import Column, SampleTable


@dataclass(frozen=True)
class Leaks:
    """What each two splits of a fold have in common; every key is a pair such as ("train", "test")."""

    copies: dict[tuple[str, str], int]  # groups of identical images that occur in both splits
    images: dict[tuple[str, str], int]  # images of the second split that have a copy in the first
    subjects: dict[tuple[str, str], int]  # people in both splits; {} if the dataset has no subjects
    sequences: dict[tuple[str, str], int]  # sequences in both splits; {} if the dataset has no sequences
    siblings: dict[tuple[str, str], int]  # originals with augmented versions in both splits; {} if there are none
    near: dict[tuple[str, str], int] | None  # images of the second with a near copy in the first; None: not searched
    conflicts: int  # groups of identical images with different labels, in the whole fold

    def sentences(self) -> list[str]:
        """Return one sentence per leak."""
        sentences = []
        for pair, groups in self.copies.items():
            if groups:
                sentences.append(
                    f"{_count(groups, 'group')} of identical images between {pair[0]} and {pair[1]} "
                    f"({_count(self.images[pair], 'image')} of {pair[1]})"
                )
        for noun, shared in (("subject", self.subjects), ("sequence", self.sequences)):
            sentences += [
                f"{_count(number, noun)} in both {pair[0]} and {pair[1]}" for pair, number in shared.items() if number
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
        """Return plain values for the manifest; pairs become strings such as "train/test"."""
        named = {}
        for name in ("copies", "images", "subjects", "sequences", "siblings", "near"):
            shared = getattr(self, name)
            named[name] = shared and {"/".join(pair): number for pair, number in shared.items()}
        return {**named, "conflicts": self.conflicts}


def find_leaks(table: SampleTable, fold: Fold) -> Leaks:
    """Compare the splits of ``fold`` by decoded pixels (``digest``), near copies, subjects, sequences and originals.

    Two splits with the same rows (a protocol that validates on the test split) are not compared: that is the protocol's
    flaw.
    """
    splits = dict(zip(SPLITS, fold, strict=True))
    pairs = [
        (first, second)
        for first, second in itertools.combinations(SPLITS, 2)
        if not np.array_equal(splits[first], splits[second])
    ]
    assert table.digest is not None

    def count_shared(column: Column | None) -> dict[tuple[str, str], int]:
        """Count the values that occur in both splits."""
        if column is None:
            return {}
        return {(a, b): len(np.intersect1d(column[splits[a]], column[splits[b]])) for a, b in pairs}

    def count_copied(column: Column) -> dict[tuple[str, str], int]:
        """Count the images of the second split whose value also occurs in the first."""
        return {(a, b): int(np.isin(column[splits[b]], column[splits[a]]).sum()) for a, b in pairs}

    rows = np.unique(np.concatenate(fold))
    _, group = np.unique(table.digest[rows], return_inverse=True)
    labels_of_group = np.bincount(np.unique(np.stack([group, table.label[rows]]), axis=1)[0])
    return Leaks(
        copies=count_shared(table.digest),
        images=count_copied(table.digest),
        subjects=count_shared(table.subject),
        sequences=count_shared(table.sequence),
        near=None if table.near is None else count_copied(table.near),
        siblings=count_shared(table.parent),
        conflicts=int((labels_of_group > 1).sum()),
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
