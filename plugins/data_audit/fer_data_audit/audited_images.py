"""The images of an audit: those of one dataset or two, and the splits to compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_data_audit.groups import Splits, Strings
from fer_data_audit.named_dataset import NamedDataset
from fer_plugins.contract import SPLITS
from fer_plugins.data.copies.near_groups import add_near_groups
from fer_plugins.data.images import LoadedImages, load_images
from fer_plugins.data.protocols.official import split_folds
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.training.build import cache_folder


@dataclass(frozen=True)
class AuditedImages:
    """Images, labels and splits; rows of a second dataset follow those of the first."""

    name: str  # of the dataset, or of both
    title: str  # the first dataset's name in papers
    images: npt.NDArray[np.uint8]  # (N, 48, 48, C)
    table: SampleTable
    labels: Strings  # (N,) class names, since two datasets share these, not numbers
    splits: list[Splits]  # one mapping per fold, name -> rows; [] if there is no split
    split_name: str
    notes: list[str]

    def first_split(self) -> Strings:
        """Return the split of each image in the first fold, "" for none: (N,)."""
        names = np.full(len(self.table), "", dtype="U64")
        for name, rows in self.splits[0].items() if self.splits else ():
            names[rows] = name
        return names


def read_audited(dataset: NamedDataset, against: tuple[str, str] | None) -> AuditedImages:
    """Read the images of a dataset, and of a second one (name, root) that is treated as another split.

    Raises:
        InputError: a dataset or the protocol rejects its options or files.
    """
    protocol = dataset.build_protocol()
    loaded, title = _load(dataset)
    splits, split_name = _split(loaded, protocol, dataset)
    if against is None:
        labels = np.array(loaded.classes)[loaded.table.label]
        return AuditedImages(
            dataset.name, title, loaded.images, loaded.table, labels, splits, split_name, list(loaded.notes)
        )
    name, root = against
    second, _ = _load(NamedDataset(name, None if root == "none" else root))
    images, table, labels = _join(loaded, second)
    label = name if name != dataset.name else f"{name} (second)"
    rows = np.arange(len(loaded.table), len(table))
    splits = [{**fold, label: rows} for fold in splits or [{dataset.name: np.arange(len(loaded.table))}]]
    with_splits = dataset.protocol or len(splits[0]) > 2
    split_name = f"{split_name}, {label} as a split" if with_splits else "the two datasets"
    notes = [*loaded.notes, *second.notes]
    return AuditedImages(f"{dataset.name} and {label}", title, images, table, labels, splits, split_name, notes)


def _load(named: NamedDataset) -> tuple[LoadedImages, str]:
    """Return the images of a dataset, and its name in papers."""
    # A copy that differs from the release is inspected, not rejected; its notes describe the differences.
    dataset = named.build({"check": "warn"})
    cache = cache_folder(None)
    try:
        loaded = load_images(dataset, name=named.name, image_size=48, channels=1, cache=cache, memory_gb=1.0)
        return loaded, getattr(dataset, "title", named.name)
    except InputError:
        raise
    except (ValueError, OSError) as error:  # raised by a dataset plug-in
        raise InputError(f"dataset {named.name}: {one_line(error)}") from error


def _split(loaded: LoadedImages, protocol: Any, named: NamedDataset) -> tuple[list[Splits], str]:
    """Return the splits of every fold, name -> rows, and the name of the splitting."""
    if protocol is not None and named.protocol is not None:
        table = add_near_groups(loaded.images, loaded.table, protocol, "auto", cache_folder(None))
        folds = split_folds(table, protocol)
        return [fold._asdict() for fold in folds], f"protocol {named.protocol['name']}"
    split = loaded.table.split
    if split is None or len(np.unique(split)) < 2:
        return [], "no split"
    return [{name: np.flatnonzero(split == name) for name in SPLITS}], "the release's split"


def _join(loaded: LoadedImages, second: LoadedImages) -> tuple[npt.NDArray[np.uint8], SampleTable, Strings]:
    """Return images, table and label names of both; sources get the prefixes "first:" and "second:".

    Subjects, sequences and splits of the second are not comparable with those of the first, and are left blank or made
    distinct.
    """
    labels = np.concatenate([np.array(both.classes)[both.table.label] for both in (loaded, second)])
    columns: dict[str, Any] = {}
    for name in ("subject", "sequence", "parent"):
        first = getattr(loaded.table, name)
        if first is not None:
            own = np.char.add("second dataset: ", second.table.source)
            columns[name] = np.concatenate([first, own])
    assert loaded.table.digest is not None
    assert second.table.digest is not None
    table = SampleTable(
        label=np.unique(labels, return_inverse=True)[1],
        source=np.concatenate([np.char.add("1: ", loaded.table.source), np.char.add("2: ", second.table.source)]),
        digest=np.concatenate([loaded.table.digest, second.table.digest]),
        **columns,
    )
    return np.concatenate([loaded.images, second.images]), table, labels
