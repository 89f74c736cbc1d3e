"""``python -m fer_plugins.commands.grid_cell``: ``fer-run`` in a process of a grid, which ends when told to.

It is told by SIGINT, or by the end of the process that has started it: a run of a grid that was killed, or of a Ray
worker that was, would otherwise go on unseen.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from fer_plugins.commands.main import fer_run

_TICK = 1.0  # seconds


def _interrupt_when_alone(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_TICK)
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process begun in the background ignores it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # and Ray's workers block it
    threading.Thread(target=_interrupt_when_alone, args=[os.getppid()], daemon=True).start()
    fer_run()
