"""Shares one dataset and its decoded images among the runs of one command."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_last: dict[str, tuple[Hashable, Any]] | None = None  # kind -> its last key and value; None outside of `reading_once`


@contextmanager
def reading_once() -> Iterator[None]:
    """Let :func:`once` reuse its last result inside; a nested scope joins the outer one."""
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
    """Return ``make()``, or inside :func:`reading_once` the last result of this ``kind`` if its key was equal.

    Only the last result of each kind is stored, so that memory holds one dataset.
    """
    if _last is None:
        return make()
    if kind not in _last or _last[kind][0] != key:
        _last.pop(kind, None)  # frees the old one before the new one is read
        _last[kind] = (key, make())
    value: T = _last[kind][1]
    return value
