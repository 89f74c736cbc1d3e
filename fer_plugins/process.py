"""What a command sets of its own process before anything is imported: how threads wait, how SIGTERM ends it."""

from __future__ import annotations

import os
import signal
from types import FrameType


def interrupt_on_sigterm() -> None:
    """Let SIGTERM, which schedulers, containers and ``kill`` send, end this process as Ctrl-C does.

    Forks of it still die of SIGTERM. While Lightning trains, its own handler calls this one. Where the caller ignores
    SIGTERM, it stays ignored.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        return
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        if os.getpid() == owner:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a forked loader is no command of its own
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, interrupt)


def let_threads_wait() -> None:
    """Let threads that wait for each other give their core away soon; read when torch is loaded.

    By default GNU's OpenMP spins 300,000 times before that (Intel's for 200 ms), which slows a training step beside
    other busy processes down by a factor of two and more; 1,000 times cost a quiet machine nothing that was measurable,
    while not to spin at all cost it a third.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        os.environ.setdefault("KMP_BLOCKTIME", "1")
