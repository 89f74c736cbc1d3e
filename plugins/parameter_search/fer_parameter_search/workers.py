"""Run cells in processes on this machine: a given number at a time, one per GPU."""

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

WORKER_TIMEOUT = 120.0  # seconds that a run has to record its interruption
_TICK = 0.1  # seconds between two checks of the processes


@dataclass(frozen=True)
class Task:
    """Everything that a process needs to run a cell."""

    name: str  # name of the cell
    argv: tuple[str, str]  # arguments of fer-run: --config FILE or --resume FOLDER
    log: Path  # file to which its output is appended
    ending: Path  # file for its outcome
    threads: int | None  # number of CPU threads; None: torch's default


def cell_file(folder: Path, name: str) -> Path:
    """Return the path of the configuration with which a cell's run is started."""
    return folder / "cells" / f"{name}.yaml"


def log_file(folder: Path, name: str) -> Path:
    """Return the path of a cell's log file."""
    return folder / "logs" / f"{name}.log"


def write_task(cell: Cell, folder: Path) -> Task:
    """Write the configuration of a cell that has not started; return what a process needs to run it.

    Raises:
        RunError: the file cannot be written.
    """
    path = cell_file(folder, cell.name)
    if cell.begun is not None:
        argv, threads = ("--resume", str(cell.begun.folder)), cell.begun.config["trainer"]["threads"]
    else:
        argv, threads = ("--config", str(path)), cell.resolved.config.trainer.threads
        write_atomically(path, config.dump(cell.resolved.config))
    return Task(cell.name, argv, log_file(folder, cell.name), path.with_suffix(".end.json"), threads)


def choose_jobs(asked: int | None, settings: Iterable[config.RunConfig]) -> tuple[int, list[str]]:
    """Return the number of parallel runs, and their GPUs ([]: none).

    Args:
        asked: ``--jobs``; None: one run per visible GPU, or one run.
        settings: configurations of all cells.

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
    """Return the CUDA devices visible to this process, with the names in CUDA_VISIBLE_DEVICES."""
    import torch

    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return (named or [str(number) for number in range(count)])[:count]


def share_threads(jobs: int) -> int | None:
    """Return the number of CPUs for each of ``jobs`` processes; None for one process, which keeps torch's default."""
    if jobs == 1:
        return None
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, count // jobs)


def execute(
    cells: Iterable[Cell], *, folder: Path, jobs: int, devices: Sequence[str] = (), lock: int | None = None
) -> Generator[Outcome, None, None]:
    """Run cells and yield the outcome of each when it ends; closing this generator ends all processes cleanly.

    An input error in a worker becomes a ``RunError``: another cell, with another configuration, may be valid.

    Args:
        cells: unfinished cells, in the order in which they are started.
        folder: holds the folders ``cells``, for the workers' configurations and outcomes, and ``logs``.
        jobs: number of parallel processes.
        devices: GPUs, one per process; empty for none.
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
    """Start a run in its own process group, so that a Ctrl-C meant for the grid reaches it only through ``stop``.

    Raises:
        RunError: its log cannot be written, because the grid's folder was removed or its disk is full.
    """
    try:
        task.ending.unlink(missing_ok=True)  # of a previous session
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
    """Interrupt runs as Ctrl-C does and wait until they have recorded it; kill them on a second Ctrl-C."""
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
    """Return the outcome of a cell, from what its process wrote down."""
    record, error = None, None
    try:
        ending = json.loads(task.ending.read_text(encoding="utf-8"))
        if code == 0:
            record = Record.read(ending["run"])
        else:
            error = RunError(ending["error"])
    except (OSError, ValueError, KeyError, TypeError):  # it was killed, or the folder was removed
        how = f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}, without a reason"
        error = RunError(how)
    return Outcome(cell, record, error, round(seconds, 2))
