"""Keeps two processes from working in one run's folder: the folder itself is locked while a run goes on in it."""

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


def _let_go() -> None:
    """Close the locks in a fork: a loader process that outlives a killed run would keep its folder locked."""
    for number in _held:
        with contextlib.suppress(OSError):
            os.close(number)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def hold_run(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which the system lets go however the process ends; nothing is written.

    Where a file system has no such locks (some network drives), nothing is held.

    Raises:
        InputError: another process is at work in it.
    """
    number = None
    try:
        number = os.open(folder, os.O_RDONLY)
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if number is not None:
            os.close(number)
        if error.errno == errno.EWOULDBLOCK:
            raise InputError(f"{folder}: another process is at work in it; wait until it has ended") from None
        number = None
    if number is None:
        yield
        return
    _held.add(number)
    try:
        yield
    finally:
        _held.discard(number)
        os.close(number)
