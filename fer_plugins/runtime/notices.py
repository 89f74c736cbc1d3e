"""Sentences for the user with a code and data, so that other code need not parse their wording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Notice(str):
    """A sentence with a code and plain data; printed and written like any string."""

    code: str
    data: Mapping[str, Any]

    def __new__(cls, code: str, text: str, data: Mapping[str, Any] | None = None) -> Notice:
        """Create a notice."""
        notice = super().__new__(cls, text)
        notice.code, notice.data = code, dict(data or {})
        return notice

    def __reduce__(self) -> tuple[type[Notice], tuple[str, str, Mapping[str, Any]]]:
        """Keep code and data when a notice is copied or pickled."""
        return type(self), (self.code, str(self), self.data)


def code_of(sentence: str) -> str:
    """Return the code of a sentence; "" if it has none, as in runs recorded by older versions.

    >>> code_of(Notice("leaks", "the splits leak")), code_of("the splits leak")
    ('leaks', '')
    """
    return sentence.code if isinstance(sentence, Notice) else ""


def as_values(sentences: Iterable[str]) -> list[dict[str, Any]]:
    """Return {code, text, data} of every sentence that has a code, for JSON, which only stores the text of others."""
    return [
        {"code": notice.code, "text": str(notice), "data": notice.data}
        for notice in sentences
        if isinstance(notice, Notice)
    ]


def from_values(sentences: Sequence[str], values: Any) -> list[str]:
    """Restore the code and data of each sentence whose text is in ``values``, as returned by ``as_values``."""
    rows = [row for row in values if isinstance(row, Mapping)] if isinstance(values, list) else []
    notices = {row["text"]: Notice(row["code"], row["text"], row["data"]) for row in rows if {*row} >= _KEYS}
    return [notices.get(sentence, sentence) for sentence in sentences]


_KEYS = {"code", "text", "data"}
