"""Shares one dataset and its decoded images among the runs of one command."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_kept: dict[str, tuple[Hashable, Any]] | None = None  # kind -> its last key and value; None outside of `reading_once`


@contextmanager
def reading_once() -> Iterator[None]:
    """Let what is asked for again inside be what it was the first time; a scope inside a scope joins it."""
    global _kept
    if _kept is not None:
        yield
        return
    _kept = {}
    try:
        yield
    finally:
        _kept = None


def once(kind: str, key: Hashable, make: Callable[[], T]) -> T:
    """Return ``make()``, or what it gave for an equal key just before inside :func:`reading_once`.

    Of each ``kind`` the last is kept, so that memory holds one dataset.
    """
    if _kept is None:
        return make()
    if kind not in _kept or _kept[kind][0] != key:
        _kept.pop(kind, None)  # let the old one go before the new one is read
        _kept[kind] = (key, make())
    value: T = _kept[kind][1]
    return value
