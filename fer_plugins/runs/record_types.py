"""Checks the files of a run against the types of ``schema``; a mismatch means an older or damaged file."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fer_plugins.runs.schema import Manifest, Metrics
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    from fer_plugins.runs.record import Record


class _Named(typing.TypedDict, total=False):
    name: str


class _SavedConfig(typing.TypedDict, total=False):
    """The keys of config.yaml that readers rely on before it is resolved."""

    recipe: str
    seed: int
    model: _Named
    data: _Named
    protocol: _Named
    augmentation: dict[str, Any]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    selection: dict[str, Any]
    trainer: dict[str, Any]
    callbacks: list[dict[str, Any]]
    logger: dict[str, Any]
    run: dict[str, Any]


_TYPES: dict[str, Any] = {"config": _SavedConfig, "manifest": Manifest, "metrics": Metrics}
_NAMES = {"config": "config.yaml", "manifest": "manifest.json", "metrics": "metrics.json"}


def check_types(record: Record) -> None:
    """Check that every value has the type that a run writes; missing and null values are checked by their readers.

    Raises:
        InputError: a value has another type; one line that names folder, file and value.
    """
    for file, wanted in _TYPES.items():
        content = getattr(record, file)
        if not isinstance(content, dict):
            raise InputError(f"{record.folder}: {_NAMES[file]} holds no mapping; it was not written by a run")
        fault = find_fault(content, wanted)
        if fault is not None:
            raise InputError(
                f"{record.folder}: {_NAMES[file]} has {fault} of another type than a run writes, so it was not written "
                "by a run; repeat the run"
            )


def find_fault(value: Any, wanted: Any, place: str = "") -> str | None:
    """Return the dotted path of the first value that is not of the type ``wanted``, or None if there is none.

    Null is accepted everywhere except for the required keys of a TypedDict. Keys unknown to a TypedDict are ignored.

    >>> find_fault({"data": {"classes": ["anger", 3]}}, Manifest)
    'data.classes[1]'
    """
    if value is None or wanted is Any:
        return None
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (types.UnionType, typing.Union):
        faults = [find_fault(value, kind, place) for kind in arguments if kind is not types.NoneType]
        return None if None in faults else faults[0]
    if typing.is_typeddict(wanted):
        if not isinstance(value, dict):
            return place
        missing = [key for key in sorted(wanted.__required_keys__) if value.get(key) is None]
        entries = [(f".{key}", value.get(key), kind) for key, kind in typing.get_type_hints(wanted).items()]
        faults = [f"{place}.{key}" for key in missing]
    elif origin is dict:
        if not isinstance(value, dict):
            return place
        entries, faults = [(f".{key}", entry, arguments[1]) for key, entry in value.items()], []
    elif origin is list:
        if not isinstance(value, list):
            return place
        entries, faults = [(f"[{number}]", entry, arguments[0]) for number, entry in enumerate(value)], []
    else:
        number = (int, float) if wanted is float else wanted
        return None if isinstance(value, number) and (wanted is bool or not isinstance(value, bool)) else place
    faults += [fault for key, entry, kind in entries if (fault := find_fault(entry, kind, f"{place}{key}")) is not None]
    return str(faults[0]).lstrip(".") if faults else None


def need(record: Record, file: str, *path: str) -> Any:
    """Return a value of "config", "manifest" or "metrics".

    Raises:
        InputError: it is missing or null.
    """
    value: Any = getattr(record, file)
    for key in path:
        if not isinstance(value, Mapping) or value.get(key) is None:
            raise InputError(
                f"{record.folder}: {_NAMES[file]} has no {'.'.join(path)}; it was not written by a run of this version"
            )
        value = value[key]
    return value


def place_of_scores(split: str, dataset: str) -> tuple[str, ...]:
    """Return the keys of a dataset's scores in metrics.json; ``dataset`` "" is the dataset that was trained on."""
    return ("targets", dataset) if dataset else (split,)
