"""Several datasets as one: one to train on, the others to be tested on under the protocol ``cross_dataset``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Dataset
from fer_plugins.runtime.errors import InputError


class Joined:
    """The rows of a dataset, then those of others, under the first one's classes.

    Classes are matched by name. Images of a class that the first dataset lacks are left out and listed in the notes,
    and so are classes that another dataset lacks. ``source`` of the others begins with their name and a colon; subjects
    and sequences too, so that equal names do not make one person of two.

    Args:
        first: what is trained on.
        others: name -> dataset, what is tested on.

    Raises:
        InputError: another dataset has no class in common with the first.
    """

    def __init__(self, first: Dataset, others: Mapping[str, Dataset]) -> None:
        self._parts: dict[str, Dataset] = {"": first, **others}
        self.classes = tuple(first.classes)
        self.title = getattr(first, "title", "")
        if hasattr(first, "target_mode"):
            self.target_mode = first.target_mode
        self._rows: list[tuple[str, int]] | None = None  # dataset, its row
        self._table: dict[str, Any] = {}
        self._left_out: dict[str, dict[str, int]] = {}
        self._lacking: list[str] = []
        for name, other in others.items():
            if not set(other.classes) & set(self.classes):
                raise InputError(
                    f"data.targets.{name}: has none of the classes {', '.join(self.classes)}; its classes are "
                    f"{', '.join(other.classes)}"
                )

    @property
    def cache_key(self) -> str | None:
        """Hash of the datasets' own keys; None where one of them has none."""
        keys = [getattr(part, "cache_key", None) for part in self._parts.values()]
        if not all(keys):
            return None
        return hashlib.blake2b("\n".join(map(str, [*self._parts, *keys])).encode(), digest_size=16).hexdigest()

    @property
    def left_out(self) -> dict[str, dict[str, int]]:
        """Dataset -> class that the first lacks -> images, also where these come from the cache."""
        self._join()
        return self._left_out

    @property
    def notes(self) -> list[str]:
        """What each dataset says, and the classes that do not match."""
        self._join()
        notes = []
        for name, part in self._parts.items():
            notes += [f"{name}: {note}" if name else note for note in getattr(part, "notes", ())]
        for name, counted in self._left_out.items():
            shown = ", ".join(f"{label} ({number:,})" for label, number in counted.items())
            notes.append(f"{name}: images of classes that {self.title} lacks were left out: {shown}.")
        return notes + self._lacking

    @property
    def table(self) -> Mapping[str, Any]:
        """The columns of the first dataset and ``origin``: "" for the first, the name of the others.

        ``votes`` are left out, ``relabel_votes`` of the others are 0; in ``target`` the others' rows have their label.
        ``split`` is kept where the first has it; the others' rows are then all "test".
        """
        self._join()
        return self._table

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index`` as its dataset gives it."""
        rows = self._join()
        name, row = rows[index]
        return self._parts[name][row]

    def _join(self) -> list[tuple[str, int]]:
        if self._rows is not None:
            return self._rows
        rows: list[tuple[str, int]] = []
        tables = {name: part.table for name, part in self._parts.items()}
        columns: dict[str, list[Any]] = {"label": [], "source": [], "origin": []}
        known = [key for key in ("subject", "sequence") if tables[""].get(key) is not None]
        has_target = tables[""].get("target") is not None
        relabel_votes = tables[""].get("relabel_votes")
        has_split = tables[""].get("split") is not None
        columns |= {key: [] for key in (*known, *(["split"] if has_split else []), *(["target"] if has_target else []))}
        columns |= {"relabel_votes": []} if relabel_votes is not None else {}
        for name, table in tables.items():
            names = list(self._parts[name].classes)
            mark = f"{name}:" if name else ""
            left_out: Counter[str] = Counter()
            for row, label in enumerate(table["label"]):
                if names[label] not in self.classes:
                    left_out[names[label]] += 1
                    continue
                rows.append((name, row))
                columns["label"].append(self.classes.index(names[label]))
                columns["source"].append(f"{mark}{table['source'][row]}")
                columns["origin"].append(name)
                for key in known:  # where another dataset does not say, each of its images is one of its own
                    names_of_rows = table[key] if table.get(key) is not None else table["source"]
                    columns[key].append(f"{mark}{names_of_rows[row]}")
                if has_target:
                    own = tables[""]["target"][row] if not name else np.eye(len(self.classes))[columns["label"][-1]]
                    columns["target"].append(own)
                if relabel_votes is not None:
                    columns["relabel_votes"].append(relabel_votes[row] if not name else np.zeros_like(relabel_votes[0]))
                if has_split:
                    columns["split"].append("test" if name else table["split"][row])
            if left_out:
                self._left_out[name] = dict(sorted(left_out.items()))
            lacking = [label for label in self.classes if label not in names]
            if lacking:
                self._lacking.append(f"{name}: has no {', '.join(lacking)}; its scores are over the other classes.")
        self._rows, self._table = rows, columns
        return rows
