"""What a command sets of its own process before anything is imported: how threads wait, how signals end it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_interruptions = 0  # SIGINT, SIGTERM and SIGHUP that this command received
_last_signal: int = signal.SIGINT  # of them
_held_since: int | None = None  # how many there were when hold_interruption began; None: outside of it
_out_of_time = False  # whether SLURM said that the job's time is nearly over


def interrupt_on_signals() -> None:
    """Let SIGTERM (schedulers, containers, ``kill``) and SIGHUP (a closed terminal) end this process as Ctrl-C does.

    They are counted: a library that is being imported may swallow the KeyboardInterrupt or turn it into an error of
    its own (numpy does both), so that only the count tells. Forks of this process still die of SIGTERM and SIGHUP.
    While Lightning trains, its own handler calls this one. A signal that the caller ignores stays ignored. In a job of
    SLURM, SIGUSR1 (``sbatch --signal=USR1@120``) does the same, and says that the job's time is nearly over.
    """
    global _interruptions, _last_signal, _out_of_time
    _interruptions, _last_signal, _out_of_time = 0, signal.SIGINT, False
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        global _interruptions, _last_signal, _out_of_time
        del frame
        _out_of_time = _out_of_time or number == signal.SIGUSR1
        if os.getpid() == owner or number == signal.SIGINT:
            _interruptions, _last_signal = _interruptions + 1, number
            if _held_since is not None and _interruptions == _held_since + 1:
                return
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a forked loader is no command of its own
        os.kill(os.getpid(), number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in (*numbers, signal.SIGUSR1) if "SLURM_JOB_ID" in os.environ else numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def open_streams() -> None:
    """Give a command that was started without standard output or error (``>&-``, some services) one that goes nowhere.

    Python has None in their place then, and the first ``flush`` of a library would end the command.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # until the process ends


@contextmanager
def hold_interruption() -> Iterator[None]:
    """Only count the first signal inside, so that the caller ends afterwards; a second one is not held.

    For the import of libraries: Python aborts where PyTorch's was interrupted half-way (1 of 72 tries).
    """
    global _held_since
    _held_since = _interruptions
    try:
        yield
    finally:
        _held_since = None


def interruptions() -> int:
    """Return how often this command was told to stop."""
    return _interruptions


def exit_code_of_signal() -> int:
    """Return what shells expect of a command that a signal ended: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_last_signal if _interruptions else signal.SIGINT)


def is_out_of_time() -> bool:
    """Return whether SLURM said that the job's time is nearly over."""
    return _out_of_time


def let_threads_wait() -> None:
    """Let threads that wait for each other give their core away soon; read when torch is loaded.

    By default GNU's OpenMP spins 300,000 times before that (Intel's for 200 ms), which slows a training step beside
    other busy processes down by a factor of two and more; 1,000 times cost a quiet machine nothing that was measurable,
    while not to spin at all cost it a third.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        os.environ.setdefault("KMP_BLOCKTIME", "1")
