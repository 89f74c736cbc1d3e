"""Progress of a prediction on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from fer_plugins.runtime import activity
from fer_plugins.runtime.activity import format_seconds

PAUSE = 10.0  # seconds between two lines where there is no terminal


class Progress:
    """Counts pictures and frames of videos, and says how long the rest will take.

    Args:
        total: pictures and frames; None: nobody knows, as of a camera.
        shown: whether to say anything.
    """

    def __init__(self, total: int | None, *, shown: bool) -> None:
        self.total, self.done, self._shown = total, 0, shown
        self._begin = self._last = time.monotonic()
        self._bar = None
        if shown and sys.stderr.isatty():
            self._bar = tqdm(total=total, desc="predicting", unit="picture", leave=False, file=sys.stderr)

    def expect(self, more: int) -> None:
        """Add to the total: a video holds more frames than the one that it was counted as."""
        if self.total is not None:
            self.total += more
            if self._bar is not None:
                self._bar.total = self.total

    def step(self) -> None:
        """Count one picture or frame."""
        self.done += 1
        if not self._shown:
            return
        activity.spoken()
        if self._bar is not None:
            self._bar.update()
            return
        now = time.monotonic()
        if now - self._last >= PAUSE:
            self._last = now
            print(self._line(now - self._begin), file=sys.stderr, flush=True)

    def _line(self, elapsed: float) -> str:
        if self.total is None or self.done >= self.total:
            return f"{self.done:,} pictures, {format_seconds(elapsed)}"
        left = elapsed / self.done * (self.total - self.done)
        return f"{self.done:,} of {self.total:,} pictures, {format_seconds(left)} left"

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
