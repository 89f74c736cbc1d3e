"""Sentences for the user that are values: what other code must know of one is its code and its data, not its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Notice(str):
    """A sentence with a code and plain data; a string wherever it is printed or written."""

    code: str
    data: Mapping[str, Any]

    def __new__(cls, code: str, text: str, data: Mapping[str, Any] | None = None) -> Notice:
        """Make one."""
        notice = super().__new__(cls, text)
        notice.code, notice.data = code, dict(data or {})
        return notice

    def __reduce__(self) -> tuple[type[Notice], tuple[str, str, Mapping[str, Any]]]:
        """Keep code and data when it is copied or sent to another process."""
        return type(self), (self.code, str(self), self.data)


def code_of(sentence: str) -> str:
    """Return what a sentence is about; "" for one that has no code, such as those of runs recorded earlier.

    >>> code_of(Notice("leaks", "the splits leak")), code_of("the splits leak")
    ('leaks', '')
    """
    return sentence.code if isinstance(sentence, Notice) else ""


def as_values(sentences: Iterable[str]) -> list[dict[str, Any]]:
    """Return {code, text, data} of every sentence that has a code, for JSON, which keeps the text of others alone."""
    return [
        {"code": notice.code, "text": str(notice), "data": notice.data}
        for notice in sentences
        if isinstance(notice, Notice)
    ]


def from_values(sentences: Sequence[str], values: Any) -> list[str]:
    """Return the sentences, each with its code and data where ``values``, from ``as_values``, has its text."""
    rows = [row for row in values if isinstance(row, Mapping)] if isinstance(values, list) else []
    notices = {row["text"]: Notice(row["code"], row["text"], row["data"]) for row in rows if {*row} >= _KEYS}
    return [notices.get(sentence, sentence) for sentence in sentences]


_KEYS = {"code", "text", "data"}
