"""Datasets made of others: one without some of its classes, and several joined under the classes of the first."""

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
    """The images of a dataset whose label is none of the classes left out; the other classes keep their order.

    Votes and target shares lose the columns of those classes. The remaining target shares of a row are scaled to sum to
    1; a row without any gets 1 for its label.

    Args:
        dataset: the complete dataset.
        names: the classes to leave out.

    Raises:
        InputError: the dataset has no such class, or fewer than two are left.
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
        self._labels = [label for label, name in enumerate(classes) if name not in names]  # the dataset's, that remain
        if len(self._labels) < 2:
            raise InputError(f"data.drop_classes: leaves {len(self._labels)} of {len(classes)} classes; keep two")
        self.classes = tuple(classes[label] for label in self._labels)
        self.title = getattr(dataset, "title", "")
        if hasattr(dataset, "target_mode"):
            self.target_mode = dataset.target_mode

    @property
    def cache_key(self) -> str | None:
        """The dataset's own key and the classes left out; None if it has none."""
        key = getattr(self._dataset, "cache_key", None)
        return f"{key} without {' '.join(self._dropped)}" if key else None

    @property
    def notes(self) -> list[str]:
        """The dataset's notes, and how many images of which classes were left out."""
        labels, classes = np.asarray(self._dataset.table["label"]), list(self._dataset.classes)
        counts = ", ".join(f"{name} ({int((labels == classes.index(name)).sum()):,})" for name in self._dropped)
        return [*getattr(self._dataset, "notes", ()), f"Classes left out (data.drop_classes): {counts}."]

    @property
    def table(self) -> Mapping[str, Any]:
        """The dataset's table, without the images of the classes left out."""
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
        """Image ``index`` of those that remain."""
        return self._dataset[int(self._rows[index])]

    @cached_property
    def _rows(self) -> npt.NDArray[np.int64]:
        return np.flatnonzero(np.isin(self._dataset.table["label"], self._labels))


class JoinedDatasets:
    """The rows of a dataset, then those of others, under the first one's classes, for the protocol ``cross_dataset``.

    Classes are matched by name. Images of a class that the first dataset lacks are left out and listed in the notes,
    and so are classes that another dataset lacks. ``source``, ``subject`` and ``sequence`` of the others begin with
    their name and a colon, so that equal names do not make one person of two.

    Args:
        first: the dataset to train on.
        targets: name -> dataset to test on.

    Raises:
        InputError: a target has no class in common with the first.
    """

    def __init__(self, first: Dataset, targets: Mapping[str, Dataset]) -> None:
        self._datasets: dict[str, Dataset] = {"": first, **targets}
        self.classes = tuple(first.classes)
        self.title = getattr(first, "title", "")
        if hasattr(first, "target_mode"):
            self.target_mode = first.target_mode
        self._rows: list[tuple[str, int]] | None = None  # dataset, its row
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
        """Hash of the datasets' own keys; None if one of them has none."""
        keys = [getattr(dataset, "cache_key", None) for dataset in self._datasets.values()]
        if not all(keys):
            return None
        return hashlib.blake2b("\n".join(map(str, [*self._datasets, *keys])).encode(), digest_size=16).hexdigest()

    @property
    def left_out(self) -> dict[str, dict[str, int]]:
        """Dataset -> class that the first lacks -> images, also if these come from the cache."""
        self._join()
        return self._left_out

    @property
    def notes(self) -> list[str]:
        """The datasets' notes, and the classes that do not match."""
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
        """The columns of the first dataset and ``origin``: "" for the first, the name of the others.

        ``votes`` are left out, ``relabel_votes`` of the others are 0, and their ``target`` is 1 for the label.
        ``split`` is there if the first dataset has it; all rows of the others are "test" then.
        """
        self._join()
        return self._table

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index`` as its dataset gives it."""
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
                    column = table["source"] if column is None else column  # unknown: each image is one of its own
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
