"""Shares a dataset and its decoded images among the runs of one command."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_last: dict[str, tuple[Hashable, Any]] | None = None  # kind -> last key and value; None outside of `reading_once`


@contextmanager
def reading_once() -> Iterator[None]:
    """Let :func:`once` reuse its last results inside this context; a nested context joins the outer one."""
    global _last
    if _last is not None:
        yield
        return
    _last = {}
    try:
        yield
    finally:
        _last = None


def once(kind: str, key: Hashable, make: Callable[[], T]) -> T:
    """Return ``make()`` or, inside :func:`reading_once`, the last result of this ``kind`` if it had the same key.

    Only the last result of each kind is stored, so that only one dataset is in memory.
    """
    if _last is None:
        return make()
    if kind not in _last or _last[kind][0] != key:
        _last.pop(kind, None)  # free the old value before making the new one
        _last[kind] = (key, make())
    value: T = _last[kind][1]
    return value
