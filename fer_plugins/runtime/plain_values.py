"""Refuses what no configuration can hold: keys that are no words, text that no file can keep, values without end."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any

from fer_plugins.runtime.errors import InputError

_DEEPEST = 20  # mappings and lists within each other; the deepest that means something has five
_LONGEST = 100_000  # values in all, and characters of a text
_LARGEST = 2**63 - 1  # what a record's readers can keep


def shell_word(value: object) -> str:
    """Return a path or another value as a shell takes it for one word, in commands that a message advises.

    >>> f"fer figures {shell_word('runs/my run')}"
    "fer figures 'runs/my run'"
    """
    return shlex.quote(str(value))


def check_text(text: str, where: str) -> None:
    r"""Refuse text that can be no name, path or word of a file.

    Raises:
        InputError: it holds NUL, or bytes that are no UTF-8 (which reach Python as lone surrogates), or is too long.

    >>> check_text("a\0b", "data.root")
    Traceback (most recent call last):
    fer_plugins.runtime.errors.InputError: data.root: 'a\x00b' holds a NUL character; leave it out
    """
    shown = ascii(text if len(text) <= 60 else text[:60] + "...")
    if "\0" in text:
        raise InputError(f"{where}: {shown} holds a NUL character; leave it out")
    if len(text) > _LONGEST:
        raise InputError(f"{where}: {shown} is longer than {_LONGEST:,} characters; shorten it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: {shown} is not UTF-8 text; rename the file or type the word again") from None


def check_plain(values: Any, origin: str) -> None:
    """Refuse what is no nested mapping, with words as keys, of numbers, text, truth values, nulls and lists of those.

    Raises:
        InputError: the first thing that is wrong, with its place.
    """
    left = [(values, "", 0)]
    count = 0
    while left:
        value, path, depth = left.pop()
        count += 1
        where = f"{path or 'the configuration'} (from {origin})"
        if depth > _DEEPEST:
            raise InputError(
                f"{path.split('.')[0]} (from {origin}): more than {_DEEPEST} levels within each other; give fewer"
            )
        if count > _LONGEST:
            raise InputError(f"{where}: more than {_LONGEST:,} values; give fewer")
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if isinstance(key, bool) or not isinstance(key, str | int) or (depth < 2 and not isinstance(key, str)):
                    section = path.split(".")[0]
                    lists = f"fer-run --help {section} lists the keys" if section else "fer-run --help lists them"
                    raise InputError(f"{where}: the key {key!r} is not a name; {lists}")
                check_text(str(key), where)
                left.append((inner, f"{path}.{key}".lstrip("."), depth + 1))
        elif isinstance(value, list | tuple):
            left += [(inner, path, depth + 1) for inner in value]
        elif isinstance(value, str):
            check_text(value, where)
        elif isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{where}: {value} is not a finite number; give a finite one")
        elif isinstance(value, int) and abs(value) > _LARGEST:
            raise InputError(f"{where}: a number of {len(hex(value)) - 2} hexadecimal digits; give a smaller one")
        elif value is not None and not isinstance(value, int | float):
            raise InputError(f"{where}: {str(value)!r} is read as a {type(value).__name__}; put text in quotes")
