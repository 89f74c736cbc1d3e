"""``fer data``: looks at a dataset before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable

from fer_plugins.runtime.errors import InputError


def data(words: list[str]) -> int:
    """Call the verb that ``fer data VERB`` names.

    Raises:
        InputError: no such verb, or what the verb refuses.
    """
    from fer_plugins.config.registry import nearest

    verbs: dict[str, Callable[[list[str]], int]] = {"check": _check, "split": _split, "audit": _audit}
    if not words or words[0] not in verbs:
        given = f"unknown word {words[0]!r}{nearest(words[0], list(verbs))}" if words else "expected a verb"
        raise InputError(f"fer data: {given}; known: {', '.join(verbs)} (see fer --help)")
    return verbs[words[0]](words[1:])


def _check(words: list[str]) -> int:
    from fer_plugins.commands.data_check import check

    return check(words)


def _split(words: list[str]) -> int:
    from fer_plugins.commands.data_split import split

    return split(words)


def _audit(words: list[str]) -> int:
    from fer_plugins.commands.audit import audit

    return audit(words)
