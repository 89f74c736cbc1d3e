"""Merges nested values; used for flags, grid files, search spaces and configuration layers alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def put(flags: dict[str, Any], dotted: str, value: Any) -> None:
    """Merge a value into ``flags`` at a dotted key; a component's name is added to options that are already set.

    >>> flags = {"data": {"batch_size": 8}}
    >>> put(flags, "data", "fer2013")
    >>> put(flags, "model.pool.name", "max")
    >>> flags
    {'data': {'batch_size': 8, 'name': 'fer2013'}, 'model': {'pool': {'name': 'max'}}}
    """
    *path, last = dotted.split(".")
    home = flags
    for part in path:
        inner = home.get(part)
        if not isinstance(inner, dict):
            inner = {} if inner is None else as_named(inner)
            home[part] = inner
        home = inner
    home[last] = lay_over(home.get(last), value)


def as_named(value: Any) -> dict[str, Any]:
    """Return a component, given by name or as a mapping of name and options, as a new mapping.

    >>> as_named("ema"), as_named({"name": "ema", "decay": 0.9})
    ({'name': 'ema'}, {'name': 'ema', 'decay': 0.9})
    """
    return dict(value) if isinstance(value, Mapping) else {"name": value}


def lay_over(old: Any, new: Any) -> Any:
    """Merge ``new`` into ``old``: mappings are merged recursively, and a name is added to a mapping as its ``name``."""
    if not isinstance(old, Mapping):
        return new
    if not isinstance(new, Mapping):
        return {**old, "name": new}
    return {**old, **{key: lay_over(old.get(key), value) for key, value in new.items()}}


def copy_plain(values: Any) -> Any:
    """Return a deep copy of nested values, with plain dictionaries and lists."""
    if isinstance(values, Mapping):
        return {key: copy_plain(value) for key, value in values.items()}
    return [copy_plain(value) for value in values] if isinstance(values, list | tuple) else values


def leaves(values: Mapping[str, Any], depth: int | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and value of each leaf of nested mappings.

    Args:
        values: Nested mappings; an empty mapping is a leaf.
        depth: Maximum nesting depth, 1 for ``values`` alone; None for no limit.
        prefix: Prefix of every key.

    >>> dict(leaves({"seed": 1, "data": {"name": "x", "targets": {"y": {"root": "z"}}}}, depth=2))
    {'seed': 1, 'data.name': 'x', 'data.targets': {'y': {'root': 'z'}}}
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value and depth != 1:
            yield from leaves(value, depth and depth - 1, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
