"""Says what is being done while nothing else is printed, so that no command is silent for more than three seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from fer_plugins.runtime import process

QUIET = 2.5  # seconds without a line after which one is printed
PATIENT = 15.0  # seconds of one stage after which the pauses between lines double,
LONGEST = 60.0  # up to this, so that a log of hours stays short

_stages: list[tuple[str | Callable[[], str], float]] = []  # what is being done, the innermost last, and since when
_watch: _Watch | None = None


class _Watch(threading.Thread):
    """Prints the innermost stage when nothing has been printed for a while."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(name="activity", daemon=True)
        self.stream = stream
        self.ended = threading.Event()
        self.last = time.monotonic()
        self.pause = QUIET

    def run(self) -> None:
        """Look four times a second until the command ends."""
        while not self.ended.wait(0.25) and self.look():
            pass

    def look(self) -> bool:
        """Print the innermost stage where nothing has been printed for a while; return whether to look again."""
        now = time.monotonic()
        if not _stages or now - self.last < self.pause:
            return True
        stage, since = _stages[-1]
        try:
            text = stage if isinstance(stage, str) else stage()
            print(f"{text} ({format_seconds(now - since)})", file=self.stream, flush=True)
        except Exception:  # a closed pipe, a state that is just being changed: the work itself is not disturbed
            return False
        self.last = now
        if now - since > PATIENT:
            self.pause = min(2 * self.pause, LONGEST)
        return True


@contextmanager
def watched(stream: TextIO) -> Iterator[None]:
    """Print on ``stream`` what :func:`doing` names, after 2.5 s without a line; in a long stage ever more rarely."""
    global _watch
    if _watch is not None:  # a command inside a command
        yield
        return
    _watch = _Watch(stream)
    _watch.start()
    try:
        yield
    finally:
        _watch.ended.set()
        _watch.join()
        _watch = None


@contextmanager
def doing(what: str | Callable[[], str]) -> Iterator[None]:
    """Name what is done inside, as "reading fer2013", or give a function that says how far it has come.

    Nothing is printed unless it lasts, and the command runs under :func:`watched`.

    Raises:
        KeyboardInterrupt: the command was interrupted inside, and a library swallowed it.
    """
    stage = (what, time.monotonic())
    interruptions = process.interruptions()
    _stages.append(stage)
    if _watch is not None:
        _watch.pause = QUIET
    try:
        yield
    finally:
        _stages.remove(stage)
    if process.interruptions() > interruptions:
        raise KeyboardInterrupt


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Name the libraries that are imported inside, as :func:`doing` does; a Ctrl-C takes effect when they are there.

    Raises:
        KeyboardInterrupt: the command was interrupted inside.
    """
    with doing(what), process.hold_interruption():
        yield


def spoken() -> None:
    """Note that a line has been printed."""
    if _watch is not None:
        _watch.last = time.monotonic()


def format_seconds(seconds: float) -> str:
    """Write a duration to two units.

    >>> format_seconds(7.4), format_seconds(190), format_seconds(7_500), format_seconds(200_000)
    ('7 s', '3 min 10 s', '2 h 5 min', '2 d 7 h')
    """
    total = round(seconds)
    for size, unit, below, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if total >= size:
            rest = total % size // below
            return f"{total // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{total} s"
