"""Leaks between the parts of a fold: identical images and near copies, shared subjects, sequences and originals."""

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
    """What two parts of a fold have in common; every key is a pair such as ("train", "test")."""

    copies: dict[tuple[str, str], int]  # groups of identical images with a member in both parts
    images: dict[tuple[str, str], int]  # images of the second part that have a copy in the first
    subjects: dict[tuple[str, str], int]  # people in both; {} where the dataset names none
    sequences: dict[tuple[str, str], int]  # recordings in both; {} where the dataset names none
    siblings: dict[tuple[str, str], int]  # images of which both parts hold a made version; {} where none was made
    near: dict[tuple[str, str], int] | None  # images of the second part with a near copy in the first; None: not sought
    conflicts: int  # groups of identical images with different labels, in the whole fold

    def sentences(self) -> list[str]:
        """Return what was found, a sentence each; [] where nothing was."""
        said = []
        for pair, groups in self.copies.items():
            if groups:
                said.append(
                    f"{_count(groups, 'group')} of identical images between {pair[0]} and {pair[1]} "
                    f"({_count(self.images[pair], 'image')} of {pair[1]})"
                )
        for what, found in (("subject", self.subjects), ("sequence", self.sequences)):
            said += [
                f"{_count(number, what)} in both {pair[0]} and {pair[1]}" for pair, number in found.items() if number
            ]
        for pair, number in (self.near or {}).items():
            if number > self.images[pair]:
                more = number - self.images[pair]
                said.append(f"{_count(more, 'image')} of {pair[1]} with a near copy, not identical, in {pair[0]}")
        for pair, number in self.siblings.items():
            if number:
                said.append(f"{_count(number, 'image')} with augmented versions in both {pair[0]} and {pair[1]}")
        if self.conflicts:
            said.append(f"{_count(self.conflicts, 'group')} of identical images with different labels")
        return said

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the manifest; pairs are written "train/test"."""
        named = {}
        for name in ("copies", "images", "subjects", "sequences", "siblings", "near"):
            found = getattr(self, name)
            named[name] = found and {"/".join(pair): number for pair, number in found.items()}
        return {**named, "conflicts": self.conflicts}


def find_leaks(table: SampleTable, fold: Fold) -> Leaks:
    """Compare the parts of ``fold`` by decoded pixels (``digest``), near copies where known, subject and sequence.

    A part that is another one (a protocol that validates on the test split) is not compared with it: that is the
    protocol's flaw, which is said elsewhere.

    Args:
        table: the samples, with ``digest``.
        fold: rows of the table.
    """
    parts = dict(zip(SPLITS, fold, strict=True))
    pairs = [
        (one, other) for one, other in itertools.combinations(SPLITS, 2) if not np.array_equal(parts[one], parts[other])
    ]
    assert table.digest is not None
    digest: npt.NDArray[Any] = table.digest
    shared = {pair: np.intersect1d(digest[parts[pair[0]]], digest[parts[pair[1]]]) for pair in pairs}
    rows = np.unique(np.concatenate(fold))
    labelled = np.unique(np.char.add(np.char.add(digest[rows], " "), table.label[rows].astype(np.str_)))
    kinds = np.unique([one.partition(" ")[0] for one in labelled], return_counts=True)[1]
    return Leaks(
        copies={pair: len(found) for pair, found in shared.items()},
        images={pair: int(np.isin(digest[parts[pair[1]]], found).sum()) for pair, found in shared.items()},
        subjects=_shared(table.subject, parts, pairs),
        sequences=_shared(table.sequence, parts, pairs),
        near=_near(table, parts, pairs),
        siblings=_shared(table.parent, parts, pairs),
        conflicts=int((kinds > 1).sum()),
    )


def _near(
    table: SampleTable, parts: dict[str, npt.NDArray[np.int64]], pairs: list[tuple[str, str]]
) -> dict[tuple[str, str], int] | None:
    if table.near is None:
        return None
    return {pair: int(np.isin(table.near[parts[pair[1]]], table.near[parts[pair[0]]]).sum()) for pair in pairs}


def _shared(
    column: npt.NDArray[Any] | None, parts: dict[str, npt.NDArray[np.int64]], pairs: list[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    if column is None:
        return {}
    return {pair: len(np.intersect1d(column[parts[pair[0]]], column[parts[pair[1]]])) for pair in pairs}


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
