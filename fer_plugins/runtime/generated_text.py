"""Puts text that a program makes between two marks of a document that people write."""

from __future__ import annotations

from pathlib import Path


def put_into(document: str, module: str, made: str) -> str:
    r"""Return a document with ``made`` between the line that names the module that makes it and the end mark.

    Raises:
        ValueError: a mark is missing.

    >>> print(put_into("a\n<!-- begin: made by python -m x -->\nold\n<!-- end -->\nb", "x", "new\n"))
    a
    <!-- begin: made by python -m x -->
    new
    <!-- end -->
    b
    """
    begin, end = f"<!-- begin: made by python -m {module} -->", "<!-- end -->"
    before, mark, rest = document.partition(f"{begin}\n")
    _, last, after = rest.partition(end)
    if not mark or not last:
        raise ValueError(f"the document needs the lines {begin} and {end}")
    return before + mark + made + last + after


def rewrite_document(path: str, module: str, made: str) -> None:
    """Put ``made`` into a file; see :func:`put_into`."""
    document = Path(path)
    document.write_text(put_into(document.read_text(encoding="utf-8"), module, made), encoding="utf-8")
