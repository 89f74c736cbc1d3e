"""Process-wide settings that a command makes before other imports: signal handling, output streams, waiting threads."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_interruptions = 0  # number of signals (SIGINT, SIGTERM, ...) that told this command to stop
_last_signal: int = signal.SIGINT  # the last one received
_held_since: int | None = None  # their number when hold_interruption was entered; None outside of it
_out_of_time = False  # whether SLURM has signalled that the job's time is nearly over


def interrupt_on_signals() -> None:
    """Make SIGTERM (schedulers, containers, ``kill``) and SIGHUP (a closed terminal) end this process like Ctrl-C.

    Signals are counted, because a library that is being imported may swallow the KeyboardInterrupt or turn it into
    another error (numpy does both). Forks of this process still die of SIGTERM and SIGHUP. While Lightning trains, its
    own handler calls this one. A signal that the caller ignores stays ignored. In a SLURM job, SIGUSR1 (``sbatch
    --signal=USR1@120``) does the same, and also means that the job's time is nearly over.
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
        signal.signal(number, signal.SIG_DFL)  # a forked data loader worker is not a command
        os.kill(os.getpid(), number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in (*numbers, signal.SIGUSR1) if "SLURM_JOB_ID" in os.environ else numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def open_streams() -> None:
    """Replace a missing standard output or error (``>&-``, some services) by one that discards everything.

    Python sets the missing stream to None, so that the first ``flush`` by a library would end the command.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # stays open until the process ends


@contextmanager
def hold_interruption() -> Iterator[None]:
    """Only count the first signal in this context, so that the caller can stop afterwards; a second one is not held.

    For imports of libraries: Python aborts if the import of PyTorch is interrupted half-way (1 of 72 tries).
    """
    global _held_since
    _held_since = _interruptions
    try:
        yield
    finally:
        _held_since = None


def interruptions() -> int:
    """Return how many times this command was told to stop."""
    return _interruptions


def exit_code_of_signal() -> int:
    """Return the exit code that shells expect of a command ended by a signal: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_last_signal if _interruptions else signal.SIGINT)


def is_out_of_time() -> bool:
    """Return whether SLURM has signalled that the job's time is nearly over."""
    return _out_of_time


def let_threads_wait() -> None:
    """Make threads that wait for each other release their core sooner; must be called before torch is loaded.

    By default, GNU's OpenMP spins 300,000 times first (Intel's for 200 ms), which makes a training step at least twice
    as slow if other processes are busy. 1,000 spins cost nothing measurable on an idle machine, while no spinning at
    all cost a third.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        os.environ.setdefault("KMP_BLOCKTIME", "1")
