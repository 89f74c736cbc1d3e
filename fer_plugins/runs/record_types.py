"""What the readers of finished runs take for granted of a record's values; another type is an older or damaged file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from fer_plugins.runtime.errors import InputError


class Contents(Protocol):
    """What was read of a run's folder: a ``Record``."""

    folder: Path
    config: Any
    manifest: Any
    metrics: Any


# Dotted path -> its type, "texts" and "mappings" for lists of them; a value that is missing or null is read elsewhere.
_TYPES: dict[str, dict[str, Any]] = {
    "config": {
        "recipe": str, "model.name": str, "data.name": str, "protocol.name": str, "seed": int,
        "model": dict, "data": dict, "protocol": dict, "augmentation": dict, "loss": dict, "optimizer": dict,
        "scheduler": dict, "selection": dict, "trainer": dict, "logger": dict, "run": dict,
        "callbacks": "mappings",
    },
    "manifest": {
        "reported_on": str, "plugin.name": str, "plugin.version": str, "plugin.distribution": str,
        "data.title": str, "data.fingerprint": str, "data.split_hash": str, "data.classes": "texts",
        "data.limit": int, "data.copies_in_training": dict, "data.release_parts": "texts",
        "protocol.name": str, "protocol.flaw": str,
        "assumed": dict, "split_hashes": "texts", "demonstration": bool, "folds": list,
    },
    "metrics": {"claims": "mappings", "not_a_result": "texts", "test": dict, "val": dict, "targets": dict},
}  # fmt: skip
_NAMES = {"config": "config.yaml", "manifest": "manifest.json", "metrics": "metrics.json"}
_OF_A_PART = {
    "per_class": dict, "intervals": dict, "intervals.per_class": dict, "copies": dict, "copies.without": dict,
    "copies.without.intervals": dict, "copies.with": dict, "copies.with.intervals": dict, "copies.difference": dict,
}  # fmt: skip
_OF_A_CLAIM = {"metric": str, "claimed": (int, float, list), "source": str, "notes": "texts"}


def check_types(record: Contents) -> None:
    """Check that what is there has the type that a run writes.

    Raises:
        InputError: it has not; one line that names folder, file and value.
    """
    for file in _TYPES:
        if not isinstance(getattr(record, file), dict):
            raise InputError(f"{record.folder}: {_NAMES[file]} holds no mapping; it was not written by a run")
    for file, types in _TYPES.items():
        content = getattr(record, file)
        _check(record, file, content, types)
    targets = record.metrics.get("targets") or {}
    for name, one in targets.items():
        _check(record, "metrics", {"scores": one}, {"scores": dict}, f"targets.{name}")
    scored = {part: record.metrics.get(part) or {} for part in ("test", "val")}
    for part, scores in (scored | {f"targets.{name}": one or {} for name, one in targets.items()}).items():
        _check(record, "metrics", scores, _OF_A_PART, part)
        for name in scores.get("per_class") or {}:
            _check(record, "metrics", scores, {f"per_class.{name}": dict, f"intervals.per_class.{name}": dict}, part)
    for number, claim in enumerate(record.metrics.get("claims") or []):
        _check(record, "metrics", claim, _OF_A_CLAIM, f"claims[{number}]")
        missing = [key for key in _OF_A_CLAIM if claim.get(key) is None]
        if missing:
            raise InputError(f"{record.folder}: metrics.json has no claims[{number}].{missing[0]}; repeat the run")


def need(record: Contents, file: str, *path: str) -> Any:
    """Return a value of "config", "manifest" or "metrics".

    Raises:
        InputError: it is not there.
    """
    value: Any = getattr(record, file)
    for key in path:
        if not isinstance(value, Mapping) or value.get(key) is None:
            raise InputError(
                f"{record.folder}: {_NAMES[file]} has no {'.'.join(path)}; it was not written by a run of this version"
            )
        value = value[key]
    return value


def place_of_scores(part: str, dataset: str) -> tuple[str, ...]:
    """Return the keys that lead to a dataset's scores in metrics.json; ``dataset`` "" is the one trained on."""
    return ("targets", dataset) if dataset else (part,)


def _check(record: Contents, file: str, content: Any, types: Mapping[str, Any], where: str = "") -> None:
    for path, wanted in types.items():
        value = _find(content, path)
        if value is not None and not _is(value, wanted):
            place = ".".join(filter(None, (where, path)))
            raise InputError(
                f"{record.folder}: {_NAMES[file]} has {place} of another type than a run writes, so it was not written "
                "by a run; repeat the run"
            )


def _find(content: Any, path: str) -> Any:
    for key in path.split("."):
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def _is(value: Any, wanted: Any) -> bool:
    match wanted:
        case "texts":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case "mappings":
            return isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
