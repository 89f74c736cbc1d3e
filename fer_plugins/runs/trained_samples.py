"""Tells whether runs with different split hashes were trained on different samples, or only at different sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fer_plugins import config
from fer_plugins.runs.record import Record


def note_on_splits(records: Sequence[Record], split: str) -> str:
    """Describe how runs that were scored on the same samples differ if their split hashes do.

    A dataset that renders its images at the requested size has other pixels at each size, and therefore another split
    hash. In this case the names of the samples are compared. Earlier versions did not record them.
    """
    names = [record.manifest["data"].get("names_hash") for record in records]
    datasets = [_dataset(record.config.get("data") or {}) for record in records]
    if None in names or len(set(names)) > 1 or any(dataset != datasets[0] for dataset in datasets):
        return f"the {split} samples are the same, but not the samples trained on (split hashes differ)"
    sizes = dict.fromkeys(_size(record.config["data"]) for record in records)
    return (
        f"all samples are the same, trained on and tested; the split hashes differ by their pixels ({'; '.join(sizes)})"
    )


def _dataset(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dataset's name and own options, without the core's keys (size, batch size, path, ...)."""
    core = config.section_keys("data")
    return {key: value for key, value in section.items() if key == "name" or key not in core}


def _size(section: Mapping[str, Any]) -> str:
    size, channels = section.get("image_size"), section.get("channels")
    return f"{size} x {size}, {channels} channel{'' if channels == 1 else 's'}"
