"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_plugins.runtime.errors import RunError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name of a new file beside ``path`` to write to; it becomes ``path`` at the end, or is removed.

    Raises:
        RunError: it cannot be written (full disk, no permission).
    """
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
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
