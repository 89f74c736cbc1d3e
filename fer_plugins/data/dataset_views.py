"""Datasets derived from others: without some classes, or several joined under the classes of the first."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.config.nearest import nearest
from fer_plugins.contract import Dataset
from fer_plugins.runtime.errors import InputError


class WithoutClasses:
    """A dataset without the images of some classes; the other classes keep their order.

    Votes and target probabilities lose the columns of those classes. The remaining target probabilities of a row are
    scaled to sum to 1; if all are 0, the row gets 1 for its label.

    Args:
        dataset: The complete dataset.
        names: Names of the classes to leave out.

    Raises:
        InputError: The dataset has no such class, or fewer than two classes remain.
    """

    def __init__(self, dataset: Dataset, names: Sequence[str]) -> None:
        classes = list(dataset.classes)
        for name in names:
            if name not in classes:
                raise InputError(
                    f"data.drop_classes: {name!r} is not a class of the dataset{nearest(name, classes)}; "
                    f"its classes: {', '.join(classes)}"
                )
        self._dataset = dataset
        self._dropped = [name for name in classes if name in names]
        self._labels = [label for label, name in enumerate(classes) if name not in names]  # remaining labels
        if len(self._labels) < 2:
            raise InputError(f"data.drop_classes: leaves {len(self._labels)} of {len(classes)} classes; keep two")
        self.classes = tuple(classes[label] for label in self._labels)
        self.title = getattr(dataset, "title", "")
        if hasattr(dataset, "target_mode"):
            self.target_mode = dataset.target_mode

    @property
    def cache_key(self) -> str | None:
        """The cache key of the dataset and the classes left out; None if the dataset has none."""
        key = getattr(self._dataset, "cache_key", None)
        return f"{key} without {' '.join(self._dropped)}" if key else None

    @property
    def notes(self) -> list[str]:
        """The notes of the dataset, and the number of images of each class left out."""
        labels, classes = np.asarray(self._dataset.table["label"]), list(self._dataset.classes)
        counts = ", ".join(f"{name} ({int((labels == classes.index(name)).sum()):,})" for name in self._dropped)
        return [*getattr(self._dataset, "notes", ()), f"Classes left out (data.drop_classes): {counts}."]

    @property
    def table(self) -> Mapping[str, Any]:
        """The table of the dataset, without the images of the classes left out."""
        columns = self._dataset.table.items()
        table = {name: np.asarray(column)[self._rows] for name, column in columns if column is not None}
        table["label"] = np.searchsorted(self._labels, table["label"])
        for name in ("votes", "target"):
            if name in table:
                table[name] = table[name][:, self._labels]
        if "target" in table:
            sums = table["target"].sum(1, keepdims=True)
            one_hot = np.eye(len(self.classes))[table["label"]]
            table["target"] = np.where(sums > 0, table["target"] / np.where(sums > 0, sums, 1), one_hot)
        return table

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Return image ``index`` of the remaining images."""
        return self._dataset[int(self._rows[index])]

    @cached_property
    def _rows(self) -> npt.NDArray[np.int64]:
        return np.flatnonzero(np.isin(self._dataset.table["label"], self._labels))


class JoinedDatasets:
    """The rows of a dataset, then those of others, with the first one's classes, for the protocol ``cross_dataset``.

    Classes are matched by name. Images of classes that the first dataset lacks are left out and listed in the notes, as
    are classes that another dataset lacks. ``source``, ``subject`` and ``sequence`` of the others are prefixed with the
    name of their dataset and a colon, so that equal names do not merge different people.

    Args:
        first: Dataset to train on.
        targets: Name -> dataset to test on.

    Raises:
        InputError: A target has no class in common with the first dataset.
    """

    def __init__(self, first: Dataset, targets: Mapping[str, Dataset]) -> None:
        self._datasets: dict[str, Dataset] = {"": first, **targets}
        self.classes = tuple(first.classes)
        self.title = getattr(first, "title", "")
        if hasattr(first, "target_mode"):
            self.target_mode = first.target_mode
        self._rows: list[tuple[str, int]] | None = None  # name of the dataset, row in it
        self._table: dict[str, list[Any]] = defaultdict(list)
        self._left_out: dict[str, dict[str, int]] = {}
        self._lacking: list[str] = []
        for name, target in targets.items():
            if not set(target.classes) & set(self.classes):
                raise InputError(
                    f"data.targets.{name}: has none of the classes {', '.join(self.classes)}; its classes are "
                    f"{', '.join(target.classes)}"
                )

    @property
    def cache_key(self) -> str | None:
        """Hash of the datasets' cache keys; None if one of them has none."""
        keys = [getattr(dataset, "cache_key", None) for dataset in self._datasets.values()]
        if not all(keys):
            return None
        return hashlib.blake2b("\n".join(map(str, [*self._datasets, *keys])).encode(), digest_size=16).hexdigest()

    @property
    def left_out(self) -> dict[str, dict[str, int]]:
        """Dataset -> class that the first lacks -> number of images, also if the images come from the cache."""
        self._join()
        return self._left_out

    @property
    def notes(self) -> list[str]:
        """The notes of the datasets, and the classes that do not match."""
        self._join()
        notes = []
        for name, dataset in self._datasets.items():
            notes += [f"{name}: {note}" if name else note for note in getattr(dataset, "notes", ())]
        for name, counts in self._left_out.items():
            listed = ", ".join(f"{label} ({number:,})" for label, number in counts.items())
            notes.append(f"{name}: images of classes that {self.title} lacks were left out: {listed}.")
        return notes + self._lacking

    @property
    def table(self) -> Mapping[str, Any]:
        """The columns of the first dataset, and ``origin``: "" for the first dataset, the name of the others.

        ``votes`` are dropped; for rows of the other datasets, ``relabel_votes`` are 0 and ``target`` is 1 for the
        label. If the first dataset has ``split``, all rows of the others are "test".
        """
        self._join()
        return self._table

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Return image ``index``, as its dataset returns it."""
        name, row = self._join()[index]
        return self._datasets[name][row]

    def _join(self) -> list[tuple[str, int]]:
        if self._rows is not None:
            return self._rows
        joined: list[tuple[str, int]] = []
        first = {key: column for key, column in self._datasets[""].table.items() if column is not None}
        for name, dataset in self._datasets.items():
            table = dataset.table if name else first
            classes, prefix = list(dataset.classes), f"{name}:" if name else ""
            rows = [row for row, label in enumerate(table["label"]) if classes[label] in self.classes]
            labels = [self.classes.index(classes[table["label"][row]]) for row in rows]
            joined += [(name, row) for row in rows]
            self._table["label"] += labels
            self._table["source"] += [f"{prefix}{table['source'][row]}" for row in rows]
            self._table["origin"] += [name] * len(rows)
            for key in ("subject", "sequence"):
                if key in first:
                    column = table.get(key)
                    column = table["source"] if column is None else column  # unknown: one per image
                    self._table[key] += [f"{prefix}{column[row]}" for row in rows]
            if "split" in first:
                self._table["split"] += ["test"] * len(rows) if name else [table["split"][row] for row in rows]
            if "target" in first:
                own = np.eye(len(self.classes))[labels] if name else np.asarray(first["target"])[rows]
                self._table["target"] += list(own)
            if "relabel_votes" in first:
                votes = np.asarray(first["relabel_votes"])
                self._table["relabel_votes"] += list(np.zeros((len(rows), votes.shape[1])) if name else votes[rows])
            unmatched = Counter(classes[label] for label in table["label"] if classes[label] not in self.classes)
            if unmatched:
                self._left_out[name] = dict(sorted(unmatched.items()))
            lacking = [label for label in self.classes if label not in classes]
            if lacking:
                self._lacking.append(f"{name}: has no {', '.join(lacking)}; its scores are over the other classes.")
        self._rows = joined
        return joined
