"""The sample table: labels, names, splits and groups of all samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SPLITS
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.seeds import derive

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class SampleTable:
    """A table with one row per sample; columns are numpy arrays of equal length, or None if the dataset lacks them."""

    label: Column  # int64, index into the dataset's classes
    source: Column  # str, unique: name of the image's file or row
    split: Column | None = None  # str, "train", "val" or "test", as in the release
    subject: Column | None = None  # str
    sequence: Column | None = None  # str
    votes: Column | None = None  # float64 (N, classes): number of annotators who chose each class
    relabel_votes: Column | None = None  # float64 (N, classes or more): votes of relabelling, see contract.Dataset
    target: Column | None = None  # float64 (N, classes): training target, as probabilities
    parent: Column | None = None  # str: source from which an augmented image was generated, else its own source
    origin: Column | None = None  # str: the joined dataset a row comes from, "" for the dataset used for training
    near: Column | None = None  # int64, the same for near copies of an image; set by the core if it searched for them
    digest: Column | None = None  # str, hash of the decoded pixels; set by the core

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, index: npt.NDArray[np.int64]) -> SampleTable:
        """Return a table of the rows ``index``, in this order."""
        return SampleTable(**{name: column[index] for name, column in self.columns()})

    def columns(self) -> Iterator[tuple[str, Column]]:
        """Yield the name and array of every column that is not None."""
        for field in fields(self):
            column = getattr(self, field.name)
            if column is not None:
                yield field.name, column

    def canonical_order(self) -> npt.NDArray[np.int64]:
        """Return the row numbers sorted by pixels (if ``digest`` is known) and source name.

        Random choices based on this order depend on the images, not on how a copy of the dataset is packed.
        """
        return np.lexsort((self.source,) if self.digest is None else (self.source, self.digest))

    def subset(self, limit: int | float, option: str = "data.limit") -> npt.NDArray[np.int64]:
        """Choose rows, stratified by dataset, official split and class; independent of the seed of a run.

        Args:
            limit: Number of rows (int, at least 1) or fraction of all rows (float in (0, 1)).
            option: Name of ``limit`` in the error message.

        Returns:
            Row numbers, sorted; all rows if ``limit`` is at least their number.

        Raises:
            InputError: ``limit`` is out of range, or too small for one sample of each class in each split (three
                samples of each class without official splits) and one of each class in each dataset that is only used
                for testing.
        """
        if isinstance(limit, bool) or not (limit >= 1 if isinstance(limit, int) else 0 < limit < 1):
            raise InputError(f"{option} is {limit}; give a number of images, or a share between 0 and 1")
        size = min(len(self), limit if isinstance(limit, int) else round(limit * len(self)))
        keys: Column = self.label
        if self.split is not None:
            keys = np.char.add(self.split, keys.astype(np.str_))
        if self.origin is not None:  # labels and splits contain no slash, so the last slash ends the dataset's name
            keys = np.char.add(np.char.add(self.origin, "/"), keys.astype(np.str_))
        _, first, stratum = np.unique(keys, return_index=True, return_inverse=True)
        sizes = np.bincount(stratum)
        needed = np.full(len(sizes), 1 if self.split is not None else len(SPLITS))
        if self.origin is not None:
            needed[self.origin[first] != ""] = 1  # only used for testing
        least = np.minimum(sizes, needed)
        if size < least.sum():
            where = "every class in every split" + ("" if self.origin is None else " of every dataset")
            raise InputError(
                f"{option} is {limit}, which is {size} images; at least {least.sum()} are needed to have {where}"
            )
        # Distribute the rest proportionally by largest remainders; a stratum cannot get more rows than it has left.
        quota = (sizes - least) * ((size - least.sum()) / max(1, (sizes - least).sum()))
        counts = least + np.floor(quota).astype(np.int64)
        counts[np.argsort(np.floor(quota) - quota, kind="stable")[: size - counts.sum()]] += 1
        order = self.canonical_order()
        order = order[np.random.default_rng(derive(0, "limit")).permutation(len(order))]
        chosen = [order[stratum[order] == number][:count] for number, count in enumerate(counts)]
        return np.sort(np.concatenate(chosen))

    @classmethod
    def from_columns(cls, columns: Mapping[str, Sequence[Any]], classes: Sequence[str], owner: str) -> SampleTable:
        """Check and convert the ``table`` of a dataset with these class names; ``owner`` is named in error messages.

        Raises:
            InputError: A column is missing or unknown, lengths differ, a label or split is out of range, or sources are
                not unique.
        """
        names = {field.name for field in fields(cls)} - {"near"}
        for name in columns:
            if name not in names:
                raise InputError(f"{owner}: table has an unknown column {name!r}; known: {', '.join(sorted(names))}")
        for name in ("label", "source"):
            if name not in columns:
                raise InputError(f"{owner}: table lacks the column {name!r}")
        converted: dict[str, Column] = {"label": np.asarray(columns["label"], dtype=np.int64)}
        size = len(converted["label"])
        for name in ("source", "split", "subject", "sequence", "parent", "origin", "digest"):
            if columns.get(name) is not None:
                converted[name] = np.asarray(columns[name], dtype=np.str_)
        for name in ("votes", "target"):
            if columns.get(name) is not None:
                converted[name] = np.asarray(columns[name], dtype=np.float64)
                if converted[name].shape[1:] != (len(classes),):
                    raise InputError(f"{owner}: column {name!r} must have {len(classes)} figures a row, one a class")
        if columns.get("relabel_votes") is not None:
            converted["relabel_votes"] = np.asarray(columns["relabel_votes"], dtype=np.float64)
            if converted["relabel_votes"].ndim != 2 or converted["relabel_votes"].shape[1] < len(classes):
                raise InputError(f"{owner}: column 'relabel_votes' must have a figure for each class in every row")
        for name, column in converted.items():
            if len(column) != size:
                raise InputError(f"{owner}: column {name!r} has {len(column)} rows, column 'label' {size}")
        if size == 0:
            raise InputError(f"{owner}: no sample found")
        if converted["label"].min() < 0 or converted["label"].max() >= len(classes):
            raise InputError(f"{owner}: a label lies outside 0..{len(classes) - 1}")
        if "split" in converted and not set(np.unique(converted["split"])) <= set(SPLITS):
            raise InputError(f"{owner}: column 'split' holds something other than {', '.join(SPLITS)}")
        if len(np.unique(converted["source"])) != size:
            raise InputError(f"{owner}: two samples have the same source name")
        return cls(**converted)

    def fingerprint(self, classes: Sequence[str]) -> str:
        """Return a hash of the multiset of pixels, class names and official splits; needs ``digest``. 16 hex digits."""
        assert self.digest is not None
        split = self.split if self.split is not None else np.full(len(self), "-")
        return _hash_lines(
            f"{digest} {classes[label]} {name}"
            for digest, label, name in zip(self.digest, self.label, split, strict=True)
        )

    def split_hash(self, splits: Mapping[str, npt.NDArray[np.int64]], classes: Sequence[str]) -> str:
        """Return a hash of the assignment of pixels and class names to splits, not of names or order. 16 hex digits."""
        assert self.digest is not None
        return self._hash_splits(self.digest, splits, classes)

    def names_hash(self, splits: Mapping[str, npt.NDArray[np.int64]], classes: Sequence[str]) -> str:
        """Return a hash of the assignment of source names to splits, the same at every image size. 16 hex digits."""
        return self._hash_splits(self.source, splits, classes)

    def _hash_splits(self, column: Column, splits: Mapping[str, npt.NDArray[np.int64]], classes: Sequence[str]) -> str:
        return _hash_lines(
            f"{name} {column[i]} {classes[self.label[i]]}" for name, index in splits.items() for i in index
        )


def _hash_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()[:16]
