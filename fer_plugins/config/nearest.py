"""Suggests existing names for a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CUTOFF = 0.66  # ratio of difflib: one wrong letter in three is similar, two in five are not


def find_nearest(word: str, names: Iterable[str]) -> list[str]:
    """Return the names most similar to ``word``, the most similar first; case, dashes and underscores are ignored.

    >>> find_nearest("max-blurr", ["max", "max_blur"]), find_nearest("sgd", ["SGD"]), find_nearest("jafe", ["ferg"])
    (['max_blur'], ['SGD'], [])
    """
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_plain(name), name)
    return [plain[near] for near in difflib.get_close_matches(_plain(word), plain, n=3, cutoff=_CUTOFF)]


def nearest(word: str, names: Iterable[str]) -> str:
    """Return "; did you mean A or B?", or "" if no name is similar.

    >>> nearest("offical", ["official", "kfold"]), nearest("foo", ["official", "kfold"])
    ('; did you mean official?', '')
    """
    near = find_nearest(word, names)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()
