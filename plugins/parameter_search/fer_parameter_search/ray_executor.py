"""Run cells on a Ray cluster, each as a process on a machine chosen by Ray. The only module that imports ray.

All machines need fer-plugins and the plug-ins, and the output folder and the datasets at the same paths.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_parameter_search.workers import WORKER_TIMEOUT, Task, read_outcome, start, stop, write_task
from fer_plugins.config.requirement import install_command
from fer_plugins.experiments.cells import Cell, Outcome
from fer_plugins.runtime.errors import InputError, RunError, one_line

_OBJECT_STORE = 100 * 1024 * 1024  # bytes; only short strings pass through it
_TICK = 0.2  # seconds
_PATIENCE = 10.0  # seconds


def execute(
    cells: Iterable[Cell], *, folder: Path, jobs: int | None, address: str | None, gpus: bool
) -> Generator[Outcome, None, None]:
    """Run cells on Ray and yield the outcome of each when it ends; closing this generator ends all runs cleanly.

    A run requests as many CPUs as it has threads (one if not set), and one GPU if there are any.

    Args:
        cells: unfinished cells, in the order in which they are submitted to Ray.
        folder: as in ``workers.execute``; the same on all machines.
        jobs: number of parallel runs; None: as many as the cluster has room for.
        address: address of a running cluster (HOST:PORT, or auto); None: a cluster of this machine only, which ends
            with the grid.
        gpus: whether the runs may use a GPU.

    Raises:
        InputError: the cluster does not respond, or has no machine that is large enough.
    """
    ray = _connect(address)
    try:
        resources = ray.cluster_resources()
        wanted = {"num_cpus": 1, "num_gpus": 1 if gpus and resources.get("GPU", 0) >= 1 else 0, "max_retries": 0}
        waiting = deque((cell, write_task(cell, folder)) for cell in cells)
        _check_room(ray, [task for _, task in waiting])
        work = ray.remote(run_here)
        running = dict[Any, tuple[Cell, Task, float]]()
        try:
            while waiting or running:
                while waiting and (jobs is None or len(running) < jobs):
                    cell, task = waiting.popleft()
                    options = {**wanted, "num_cpus": task.threads or 1, "name": task.name}
                    running[work.options(**options).remote(task, os.getcwd())] = cell, task, time.perf_counter()
                ready, _ = ray.wait(list(running), num_returns=1, timeout=_TICK)
                for reference in ready:
                    yield _collect(ray, reference, *running.pop(reference))
        finally:
            _cancel(ray, list(running))
    finally:
        ray.shutdown()


def run_here(task: Task, folder: str) -> int:
    """Run a task in a process on the machine chosen by Ray; return its exit code."""
    os.chdir(folder)
    process = start(task, os.environ)
    try:
        while process.poll() is None:  # Ray cancels by KeyboardInterrupt, which a blocking wait would not see
            time.sleep(_TICK)
    except KeyboardInterrupt:
        stop([process])
        raise
    return process.returncode


def check(address: str | None) -> None:
    """Check ray and the address before anything is written; ray itself would wait minutes for a missing cluster.

    Raises:
        InputError: ray is not installed, or nothing listens at the address.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError(f"--executor ray: ray is not installed; {install_command('ray')}")
    if address is None or address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdecimal():
        raise InputError(f"--address {address}: expected HOST:PORT of the cluster's head, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers ({error}); begin one with: ray start") from None


def _connect(address: str | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    settings: Mapping[str, Any] = {"address": address}
    if address is None:
        settings = {"address": "local", "include_dashboard": False, "object_store_memory": _OBJECT_STORE}
    handler = signal.getsignal(signal.SIGTERM)  # ray replaces it by its own
    try:
        context = ray.init(**settings, log_to_driver=False, logging_level=logging.ERROR)
        signal.signal(signal.SIGTERM, handler)
        if dashboard := context.dashboard_url:
            print(f"Ray's dashboard: http://{dashboard}", flush=True)
    except (ConnectionError, RuntimeError, ValueError) as error:
        cause = one_line(error, 300)
        raise InputError(f"--address {address}: no Ray cluster answers ({cause}); begin one with: ray start") from None
    return ray


def _check_room(ray: Any, tasks: Sequence[Task]) -> None:
    largest = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    asked = max(task.threads or 1 for task in tasks)
    if asked > largest:
        raise InputError(f"trainer.threads: {asked} CPUs a run, the largest machine of the cluster has {largest:g}")


def _collect(ray: Any, reference: Any, cell: Cell, task: Task, started: float) -> Outcome:
    try:
        code = int(ray.get(reference))
    except ray.exceptions.RayError as error:  # a machine or worker was lost
        text = str(error).strip().splitlines() or [type(error).__name__]
        return Outcome(cell, None, RunError(f"Ray: {text[0][:300]}"), round(time.perf_counter() - started, 2))
    return read_outcome(cell, task, code, time.perf_counter() - started)


def _cancel(ray: Any, references: Sequence[Any]) -> None:
    if not references:
        return
    for reference in references:
        ray.cancel(reference, force=False)
    ray.wait(list(references), num_returns=len(references), timeout=WORKER_TIMEOUT)
