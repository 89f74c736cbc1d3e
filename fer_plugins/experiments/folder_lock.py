"""Prevents two processes from working in the same folder, by locking it while a run or a grid is in progress."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fer_plugins.runtime.errors import InputError

_held: set[int] = set()  # file descriptors


def _release_in_fork() -> None:
    """Close the locks in a forked process; a loader process that outlives a killed run would keep its folder locked."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_release_in_fork)


@contextmanager
def hold_folder(folder: Path, busy: str | None = None) -> Iterator[int | None]:
    """Lock a folder; the system releases the lock however the process ends, and nothing is written.

    If the file system does not support such locks (some network drives), nothing is locked.

    Yields:
        The file descriptor of the lock, or None without a lock. A program that is started with it (``pass_fds``) holds
        the lock as well.

    Raises:
        InputError: another process is working in the folder.
    """
    descriptor = None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        if error.errno == errno.EWOULDBLOCK:
            text = busy or f"{folder}: another process is at work in it; wait until it has ended"
            raise InputError(text) from None
        yield None
        return
    _held.add(descriptor)
    try:
        yield descriptor
    finally:
        _held.discard(descriptor)
        os.close(descriptor)
