"""A dataset without some of its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.config.nearest import nearest
from fer_plugins.contract import Dataset
from fer_plugins.runtime.errors import InputError


class WithoutClasses:
    """The images of a dataset whose label is none of the classes left out; the other classes keep their order.

    Votes and target shares lose the columns of those classes. What is left of a row's target shares is scaled to sum
    to 1; where nothing is left, its label stands for it.

    Args:
        dataset: the complete dataset.
        names: the classes to leave out.

    Raises:
        InputError: the dataset has no such class, or fewer than two are left.
    """

    def __init__(self, dataset: Dataset, names: Sequence[str]) -> None:
        known = list(dataset.classes)
        for name in names:
            if name not in known:
                raise InputError(
                    f"data.drop_classes: {name!r} is no class of the dataset{nearest(name, known)}; "
                    f"its classes: {', '.join(known)}"
                )
        self._dataset = dataset
        self._dropped = [name for name in known if name in names]
        self._kept_classes = [label for label, name in enumerate(known) if name not in names]
        if len(self._kept_classes) < 2:
            raise InputError(f"data.drop_classes: leaves {len(self._kept_classes)} of {len(known)} classes; keep two")
        self.classes = tuple(known[label] for label in self._kept_classes)
        self.title = getattr(dataset, "title", "")
        if hasattr(dataset, "target_mode"):
            self.target_mode = dataset.target_mode
        self._rows: npt.NDArray[np.int64] | None = None

    @property
    def cache_key(self) -> str | None:
        """The dataset's own key and what is left out; None where it has none."""
        key = getattr(self._dataset, "cache_key", None)
        return f"{key} without {' '.join(self._dropped)}" if key else None

    @property
    def notes(self) -> list[str]:
        """The dataset's notes, and how many images of which classes were left out."""
        labels, known = np.asarray(self._dataset.table["label"]), list(self._dataset.classes)
        shown = ", ".join(f"{name} ({int((labels == known.index(name)).sum()):,})" for name in self._dropped)
        return [*getattr(self._dataset, "notes", ()), f"Classes left out (data.drop_classes): {shown}."]

    @property
    def table(self) -> Mapping[str, Any]:
        """The dataset's table, without the images of the classes left out."""
        columns = dict(self._dataset.table)
        kept = self._keep(columns["label"])
        table = {name: np.asarray(column)[kept] for name, column in columns.items() if column is not None}
        table["label"] = np.searchsorted(self._kept_classes, table["label"])
        for name in ("votes", "target"):
            if name in table:
                table[name] = table[name][:, self._kept_classes]
        if "target" in table:
            sums = table["target"].sum(1, keepdims=True)
            own = np.eye(len(self.classes))[table["label"]]
            table["target"] = np.where(sums > 0, table["target"] / np.where(sums > 0, sums, 1), own)
        return table

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index`` of those that are left, as the dataset gives it."""
        rows = self._keep(None)
        return self._dataset[int(rows[index])]

    def _keep(self, labels: Any) -> npt.NDArray[np.int64]:
        if self._rows is None:
            labels = self._dataset.table["label"] if labels is None else labels
            self._rows = np.flatnonzero(np.isin(labels, self._kept_classes))
        return self._rows
