"""Runs cells in processes of this machine: as many at a time as asked for, one to a GPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fer_plugins.config import RunConfig
from fer_plugins.runtime.errors import InputError, RunError

GRACE = 120.0  # seconds that a run has to write down that it was interrupted
_TICK = 0.1  # seconds between two looks at the processes
_BEGIN = "$ fer-run "  # begins the lines of one process in a log


@dataclass(frozen=True)
class Task:
    """A run to be started."""

    name: str  # of the cell
    words: tuple[str, ...]  # of fer-run
    log: Path  # what it prints is added to this file
    threads: int | None  # CPU threads that it uses; None: torch's own choice


@dataclass(frozen=True)
class Ended:
    """A process that has ended, with or without success."""

    task: Task
    code: int
    error: str  # its last line, where it failed


def choose_jobs(asked: int | None, settings: Iterable[RunConfig]) -> tuple[int, list[str]]:
    """Return how many runs go on at a time, and the GPUs for them ([]: none is used).

    Args:
        asked: ``--jobs``; None: one to each visible GPU, or one.
        settings: the configuration of every cell.

    Raises:
        InputError: more runs than visible GPUs.
    """
    devices = [] if all(one.trainer.accelerator in ("cpu", "mps") for one in settings) else visible_devices()
    if devices and asked is not None and asked > len(devices):
        raise InputError(
            f"--jobs {asked}: visible GPUs: {len(devices)}, and each takes one run at a time; lower --jobs, or set "
            "trainer.accelerator: cpu"
        )
    return asked or len(devices) or 1, devices


def visible_devices() -> list[str]:
    """Return the CUDA devices that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return (named or [str(number) for number in range(count)])[:count]


def share_threads(jobs: int) -> int | None:
    """Return each of ``jobs`` processes' share of this machine's CPUs; None for one, which has torch's own choice."""
    if jobs == 1:
        return None
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, count // jobs)


def execute(tasks: Sequence[Task], *, jobs: int, devices: Sequence[str], lock: int) -> Generator[Ended, None, None]:
    """Run the tasks and yield each as it ends; whatever ends this generator ends the processes, cleanly.

    Args:
        tasks: in the order in which they are begun.
        jobs: processes at a time.
        devices: GPUs, one to a process; [] where none is used.
        lock: file descriptor that the processes inherit.
    """
    waiting, running = deque(tasks), dict[subprocess.Popen[bytes], tuple[Task, str | None]]()
    free: list[str | None] = list(devices[:jobs]) or [None] * min(jobs, len(tasks))
    try:
        while waiting or running:
            while waiting and free:
                task, device = waiting.popleft(), free.pop(0)
                extra = {} if device is None else {"CUDA_VISIBLE_DEVICES": device}
                running[start(task, {**os.environ, **extra}, keep=(lock,))] = task, device
            ended = [process for process in running if process.poll() is not None]
            for process in ended:
                task, device = running.pop(process)
                free.append(device)
                yield Ended(task, process.returncode, last_line(task.log, process.returncode))
            if not ended:
                time.sleep(_TICK)
    finally:
        stop(list(running))


def start(task: Task, environment: Mapping[str, str], keep: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own, so that a Ctrl-C meant for the grid reaches it through ``stop``.

    Raises:
        RunError: its log cannot be written, since the folder of the grid is gone or its disk is full.
    """
    try:
        log = task.log.open("ab")
        log.write(f"{_BEGIN}{' '.join(task.words)}\n".encode())
        log.flush()
    except OSError as error:
        raise RunError(f"cannot write {task.log}: {error.strerror}") from error
    with log:
        return _popen(task.words, log, environment, keep)


def _popen(
    words: Sequence[str], log: IO[bytes], environment: Mapping[str, str], keep: Sequence[int]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fer_plugins.commands.grid_cell", *words]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        pass_fds=tuple(keep),
        process_group=0,
    )


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Interrupt runs as Ctrl-C does and wait until their records say so; kill them at a second Ctrl-C."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    end = time.monotonic() + GRACE
    try:
        while time.monotonic() < end and any(process.poll() is None for process in processes):
            time.sleep(_TICK)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def last_line(log: Path, code: int) -> str:
    """Return why a run ended with ``code``: the command's own last word in its log, or its last line."""
    if code == 0:
        return ""
    if code < 0:
        return f"ended by signal {signal.Signals(-code).name}"
    try:
        text = log.read_bytes()[-20_000:].decode(errors="replace").rpartition(_BEGIN)[2]
    except OSError:
        text = ""
    lines = [line.strip() for line in text.splitlines()[1:] if line.strip()] or [f"exit code {code}, nothing printed"]
    own = [line for line in lines if line.startswith("fer-run: ")]
    return (own or lines)[-1].removeprefix("fer-run: ")[:500]
