"""Writes files atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_plugins.runtime.errors import InputError, RunError


def check_replaceable(path: Path) -> None:
    """Raise an error for a device or a pipe, such as /dev/null, which a new file would replace for all users.

    Raises:
        InputError: The path is a device or a pipe.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is not an ordinary file; give another, or leave it out and redirect standard output")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the name of a temporary file next to ``path``; it replaces ``path`` on success and is removed otherwise.

    Raises:
        InputError: The path is a device or a pipe.
        RunError: The file cannot be written (full disk, no permission).
    """
    check_replaceable(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        # A closed pipe is another stream, such as standard output, not this file.
        if not isinstance(error, OSError) or isinstance(error, BrokenPipeError):
            raise
        cause = str(error.strerror or error)
        raise RunError(f"cannot write {path}: {cause}", cause=cause) from error
