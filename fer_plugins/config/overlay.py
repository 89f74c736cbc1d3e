"""Lays nested values over one another: flags, grid files, search spaces and layers of configuration do it alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def put(flags: dict[str, Any], dotted: str, value: Any) -> None:
    """Lay a value over ``flags`` at a dotted key; a name beside options that are there already stays beside them.

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
    """Return a component's name, or the mapping of its name and options, as such a mapping; a copy.

    >>> as_named("ema"), as_named({"name": "ema", "decay": 0.9})
    ({'name': 'ema'}, {'name': 'ema', 'decay': 0.9})
    """
    return dict(value) if isinstance(value, Mapping) else {"name": value}


def lay_over(old: Any, new: Any) -> Any:
    """Return ``new`` over ``old``: mappings are joined, and a name joins a mapping as its ``name``."""
    if not isinstance(old, Mapping):
        return new
    if not isinstance(new, Mapping):
        return {**old, "name": new}
    return {**old, **{key: lay_over(old.get(key), value) for key, value in new.items()}}


def copy_plain(values: Any) -> Any:
    """Return nested values as dictionaries and lists of their own."""
    if isinstance(values, Mapping):
        return {key: copy_plain(value) for key, value in values.items()}
    return [copy_plain(value) for value in values] if isinstance(values, list | tuple) else values


def leaves(values: Mapping[str, Any], depth: int | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of what lies in nested mappings.

    Args:
        values: of which those that are mappings, and not empty, are gone into.
        depth: mappings within each other that are gone into at most, 1: ``values`` alone; None: all.
        prefix: of every key.

    >>> dict(leaves({"seed": 1, "data": {"name": "x", "targets": {"y": {"root": "z"}}}}, depth=2))
    {'seed': 1, 'data.name': 'x', 'data.targets': {'y': {'root': 'z'}}}
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value and depth != 1:
            yield from leaves(value, depth and depth - 1, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
