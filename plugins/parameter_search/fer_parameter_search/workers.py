"""Runs cells in processes of this machine: as many at a time as asked for, one to a GPU."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_plugins import config
from fer_plugins.experiments.cells import Cell, Outcome
from fer_plugins.runs.record import Record, write_atomically
from fer_plugins.runtime.errors import InputError, RunError

WORKER_TIMEOUT = 120.0  # seconds that a run has to write down that it was interrupted
_TICK = 0.1  # seconds between two looks at the processes


@dataclass(frozen=True)
class Task:
    """What a process needs to run a cell."""

    name: str  # of the cell
    argv: tuple[str, str]  # of fer-run: --config FILE or --resume FOLDER
    log: Path  # what it prints is added to this file
    ending: Path  # where it writes how it ended
    threads: int | None  # CPU threads that it uses; None: torch's own choice


def cell_file(folder: Path, name: str) -> Path:
    """Return the path of the configuration that a cell's run is started with."""
    return folder / "cells" / f"{name}.yaml"


def log_file(folder: Path, name: str) -> Path:
    """Return the path of what a cell's run printed."""
    return folder / "logs" / f"{name}.log"


def write_task(cell: Cell, folder: Path) -> Task:
    """Write the configuration of a cell that is not begun; return what a process needs to run it.

    Raises:
        RunError: it cannot be written.
    """
    path = cell_file(folder, cell.name)
    if cell.begun is not None:
        argv, threads = ("--resume", str(cell.begun.folder)), cell.begun.config["trainer"]["threads"]
    else:
        argv, threads = ("--config", str(path)), cell.resolved.config.trainer.threads
        write_atomically(path, config.dump(cell.resolved.config))
    return Task(cell.name, argv, log_file(folder, cell.name), path.with_suffix(".end.json"), threads)


def choose_jobs(asked: int | None, settings: Iterable[config.RunConfig]) -> tuple[int, list[str]]:
    """Return how many runs go on at a time, and the GPUs for them ([]: none is used).

    Args:
        asked: ``--jobs``; None: one to each visible GPU, or one.
        settings: the configuration of every cell.

    Raises:
        InputError: more runs than visible GPUs.
    """
    on_cpu = all(configuration.trainer.accelerator in ("cpu", "mps") for configuration in settings)
    devices = [] if on_cpu else visible_devices()
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


def execute(
    cells: Iterable[Cell], *, folder: Path, jobs: int, devices: Sequence[str] = (), lock: int | None = None
) -> Generator[Outcome, None, None]:
    """Run cells and yield each as it ends; whatever ends this generator ends the processes, cleanly.

    What a worker refuses is a ``RunError``: another cell, of another configuration, may be accepted.

    Args:
        cells: not finished, in the order in which they are begun.
        folder: holds the folders ``cells``, for the workers' configurations and endings, and ``logs``.
        jobs: processes at a time.
        devices: GPUs, one to a process; empty where none is used.
        lock: file descriptor that the processes inherit.
    """
    waiting = deque(cells)
    running = dict[subprocess.Popen[bytes], tuple[Cell, Task, str | None, float]]()
    free: list[str | None] = list(devices[:jobs]) or [None] * min(jobs, len(waiting))
    try:
        while waiting or running:
            while waiting and free:
                cell, device = waiting.popleft(), free.pop(0)
                task = write_task(cell, folder)
                extra = {} if device is None else {"CUDA_VISIBLE_DEVICES": device}
                process = start(task, {**os.environ, **extra}, keep=() if lock is None else (lock,))
                running[process] = cell, task, device, time.perf_counter()
            ended = [process for process in running if process.poll() is not None]
            for process in ended:
                cell, task, device, started = running.pop(process)
                free.append(device)
                yield read_outcome(cell, task, process.returncode, time.perf_counter() - started)
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
        task.ending.unlink(missing_ok=True)  # of an earlier session
        log = task.log.open("ab")
        log.write(f"$ fer-run {' '.join(task.argv)}\n".encode())
        log.flush()
    except OSError as error:
        raise RunError(f"cannot write {task.log}: {error.strerror}") from error
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "fer_parameter_search.worker", *task.argv, str(task.ending)],
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
    end = time.monotonic() + WORKER_TIMEOUT
    try:
        while time.monotonic() < end and any(process.poll() is None for process in processes):
            time.sleep(_TICK)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def read_outcome(cell: Cell, task: Task, code: int, seconds: float) -> Outcome:
    """Return how a cell ended, from what its process wrote down."""
    record, error = None, None
    try:
        ending = json.loads(task.ending.read_text(encoding="utf-8"))
        if code == 0:
            record = Record.read(ending["run"])
        else:
            error = RunError(ending["error"])
    except (OSError, ValueError, KeyError, TypeError):  # it was killed, or the folder is gone
        how = f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}, without a reason"
        error = RunError(how)
    return Outcome(cell, record, error, round(seconds, 2))
