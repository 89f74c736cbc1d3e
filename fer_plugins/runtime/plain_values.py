"""Refuses values that cannot be part of a configuration: keys that are not names, invalid text, oversized values."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any

from fer_plugins.runtime.errors import InputError

_DEEPEST = 20  # limit on nested mappings and lists; the deepest valid configuration has five levels
_LONGEST = 100_000  # limit on the number of values, and on the characters of a text
_LARGEST = 2**63 - 1  # largest integer that readers of a record can store


def shell_word(value: object) -> str:
    """Quote a path or another value as one word of a shell command, for commands in messages.

    >>> f"fer figures {shell_word('runs/my run')}"
    "fer figures 'runs/my run'"
    """
    return shlex.quote(str(value))


def check_text(text: str, where: str) -> None:
    r"""Raise an error if a text cannot be a name, a path or the content of a file.

    Raises:
        InputError: The text contains NUL or bytes that are not UTF-8 (lone surrogates in Python), or is too long.

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
    """Raise an error unless ``values`` are nested mappings of names to numbers, text, bools, nulls and lists of these.

    Raises:
        InputError: The first invalid value, with its location.
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
