"""Inserts generated text between two markers of a hand-written document."""

from __future__ import annotations

from pathlib import Path


def put_into(document: str, module: str, made: str) -> str:
    r"""Return a document with ``made`` between the begin marker of the generating module and the end marker.

    Raises:
        ValueError: A marker is missing.

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
    """Insert ``made`` into a file; see :func:`put_into`."""
    document = Path(path)
    document.write_text(put_into(document.read_text(encoding="utf-8"), module, made), encoding="utf-8")
