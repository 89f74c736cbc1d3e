"""Reports the current activity during long silences, so that no command prints nothing for more than three seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from fer_plugins.runtime import process

QUIET = 2.5  # seconds without output after which a line is printed
PATIENT = 15.0  # seconds in the same stage after which the interval between lines doubles
LONGEST = 60.0  # maximum interval in seconds; keeps the log of a long run short

_stages: list[tuple[str | Callable[[], str], float]] = []  # description and start time of each stage, innermost last
_watch: _Watch | None = None


class _Watch(threading.Thread):
    """Prints the innermost stage if nothing has been printed for a while."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(name="activity", daemon=True)
        self.stream = stream
        self.ended = threading.Event()
        self.last = time.monotonic()
        self.pause = QUIET

    def run(self) -> None:
        """Check four times per second until the command ends."""
        while not self.ended.wait(0.25) and self.look():
            pass

    def look(self) -> bool:
        """Print the innermost stage if nothing has been printed for a while; return whether to continue."""
        now = time.monotonic()
        if not _stages or now - self.last < self.pause:
            return True
        stage, since = _stages[-1]
        try:
            text = stage if isinstance(stage, str) else stage()
            print(f"{text} ({format_seconds(now - since)})", file=self.stream, flush=True)
        except Exception:  # a closed pipe, a state that is being modified: must not disturb the work itself
            return False
        self.last = now
        if now - since > PATIENT:
            self.pause = min(2 * self.pause, LONGEST)
        return True


@contextmanager
def watched(stream: TextIO) -> Iterator[None]:
    """Print the stages named by :func:`doing` to ``stream`` after 2.5 s without output, less often in long stages."""
    global _watch
    if _watch is not None:  # called within another command
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
    """Name the work done in this context, such as "reading fer2013", or pass a function that returns the progress.

    It is only printed if the work takes long and the command runs under :func:`watched`.

    Raises:
        KeyboardInterrupt: The command was interrupted in this context, and a library swallowed the exception.
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
    """Name the libraries imported in this context, as in :func:`doing`; Ctrl-C takes effect after the imports.

    Raises:
        KeyboardInterrupt: The command was interrupted in this context.
    """
    with doing(what), process.hold_interruption():
        yield


def spoken() -> None:
    """Record that a line has been printed."""
    if _watch is not None:
        _watch.last = time.monotonic()


def format_seconds(seconds: float) -> str:
    """Format a duration with up to two units.

    >>> format_seconds(7.4), format_seconds(190), format_seconds(7_500), format_seconds(200_000)
    ('7 s', '3 min 10 s', '2 h 5 min', '2 d 7 h')
    """
    total = round(seconds)
    for size, unit, below, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if total >= size:
            rest = total % size // below
            return f"{total // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{total} s"
