"""A number with its noun, in singular or plural."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return the number with its noun in singular or plural.

    >>> count(1, "thread"), count(2, "thread")
    ('1 thread', '2 threads')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")
