"""Puts text that a program makes between two marks of a document that people write."""

from __future__ import annotations


def replace_between(document: str, begin: str, end: str, made: str) -> str:
    r"""Return a document with ``made`` between the lines ``begin`` and ``end``.

    Raises:
        ValueError: a mark is missing.

    >>> replace_between("a\n<!--x-->\nold\n<!--y-->\nb", "<!--x-->", "<!--y-->", "new\n")
    'a\n<!--x-->\nnew\n<!--y-->\nb'
    """
    before, mark, rest = document.partition(f"{begin}\n")
    _, last, after = rest.partition(end)
    if not mark or not last:
        raise ValueError(f"the document needs the lines {begin} and {end}")
    return before + mark + made + last + after
