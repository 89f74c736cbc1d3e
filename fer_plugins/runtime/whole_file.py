"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_plugins.runtime.errors import InputError, RunError


def check_replaceable(path: Path) -> None:
    """Refuse a device or a pipe, such as /dev/null: a new file would take its name, and destroy it for everybody.

    Raises:
        InputError: it is one.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is not an ordinary file; give another, or leave it out and redirect standard output")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name of a new file beside ``path`` to write to; it becomes ``path`` at the end, or is removed.

    Raises:
        InputError: a device or a pipe has its name.
        RunError: it cannot be written (full disk, no permission).
    """
    check_replaceable(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        # Another pipe that is closed, such as standard output, is no fault of this file.
        if not isinstance(error, OSError) or isinstance(error, BrokenPipeError):
            raise
        cause = str(error.strerror or error)
        raise RunError(f"cannot write {path}: {cause}", cause=cause) from error
