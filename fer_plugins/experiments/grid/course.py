"""The course of a grid: what is to be run, how it goes on, and what is printed."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from fer_plugins import config
from fer_plugins.experiments.grid import local, state
from fer_plugins.experiments.grid.plan import Plan, read_plan
from fer_plugins.experiments.grid.tables import count_cells, describe_outcome, print_plan, print_summary
from fer_plugins.runs.record import write_atomically
from fer_plugins.runtime.errors import Interrupted


@dataclass
class Request:
    """What ``fer grid`` was asked for."""

    file: str
    out: str | None
    path: str | None
    jobs: int | None
    executor: str
    address: str | None
    dry: bool


def run_grid(request: Request) -> int:
    """Run every cell of a grid file that is not finished, and sum up.

    Returns:
        0 when every cell is finished, 1 when one has failed.

    Raises:
        InputError: the file or a cell is wrong; nothing was run.
        Interrupted: the user stopped it; the runs that were going on can be resumed.
    """
    on_ray = request.executor == "ray"
    if on_ray:
        from fer_plugins.experiments.grid import ray_executor

        ray_executor.check(request.address)
    plan = read_plan(request.file, output=request.out, datasets=request.path, elsewhere=on_ray)
    state.check_place(plan.output)
    if on_ray:
        jobs, devices = request.jobs, list[str]()
    else:
        jobs, devices = local.choose_jobs(request.jobs, [cell.config for cell in plan.cells])
    if request.dry:
        print_plan(plan, jobs)
        return 0
    with state.hold(plan.output) as lock, _signals():
        tasks = _prepare(plan, 1 if on_ray else local.share_threads(jobs or 1))
        _announce(plan, tasks, jobs)
        errors: dict[str, str] = {}
        try:
            if tasks:
                _follow(plan, len(tasks), _execute(request, plan, tasks, jobs, devices, lock), errors)
        except KeyboardInterrupt:
            rows = state.write_summary(plan, errors)
            done = sum(row["status"] == state.FINISHED for row in rows)
            again = shlex.join(["fer", "grid", *_words(request)])
            raise Interrupted(f"interrupted, {done} of {len(rows)} cells are finished; go on with: {again}") from None
        rows = state.write_summary(plan, errors)
    print_summary(plan, rows)
    return int(any(row["status"] != state.FINISHED for row in rows))


def _execute(
    request: Request, plan: Plan, tasks: Sequence[local.Task], jobs: int | None, devices: Sequence[str], lock: int
) -> Generator[local.Ended, None, None]:
    if request.executor == "local":
        return local.execute(tasks, jobs=jobs or 1, devices=devices, lock=lock)
    from fer_plugins.experiments.grid import ray_executor

    gpus = any(cell.config.trainer.accelerator != "cpu" for cell in plan.cells)
    return ray_executor.execute(tasks, jobs=jobs, address=request.address, gpus=gpus)


def _words(request: Request) -> list[str]:
    """Return the words that repeat the command."""
    values = {name: getattr(request, name) for name in ("out", "path", "jobs", "address")}
    if request.executor != "local":
        values["executor"] = request.executor
    given = [(f"--{name}", str(value)) for name, value in values.items() if value is not None]
    return [request.file, *(word for pair in given for word in pair)]


def _prepare(plan: Plan, threads: int | None) -> list[local.Task]:
    """Write the configuration of each cell that is not finished, and return what is to be run, resumed runs first."""
    found = state.survey(plan)
    tasks = list[local.Task]()
    for cell in plan.cells:
        run, status = found.find(cell), found.status(cell)
        log = state.log_file(plan.output, cell.name)
        if status == state.FINISHED:
            continue
        if run is not None and status == state.RESUMABLE:
            own = run.record.config["trainer"]["threads"]
            tasks.insert(0, local.Task(cell.name, ("--resume", str(run.record.folder)), log, own))
            continue
        own = cell.config.trainer.threads or threads
        settings = replace(cell.config, trainer=replace(cell.config.trainer, threads=own))
        path = state.cell_file(plan.output, cell.name)
        write_atomically(path, config.dump(settings))
        tasks.append(local.Task(cell.name, ("--config", str(path)), log, own))
    return tasks


@contextmanager
def _signals() -> Iterator[None]:
    """Make a cluster's SIGTERM and a closed terminal's SIGHUP end the grid as Ctrl-C does."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for one, handler in before.items():
        if one != signal.SIGHUP or handler != signal.SIG_IGN:  # nohup
            signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _follow(plan: Plan, count: int, ended: Generator[local.Ended, None, None], errors: dict[str, str]) -> None:
    """Say how each run ended, as it does; grid.json is whole after each."""
    with closing(ended):
        for number, one in enumerate(ended, 1):
            if one.code != 0:
                errors[one.task.name] = one.error
            row = next(row for row in state.write_summary(plan, errors) if row["name"] == one.task.name)
            print(f"{number}/{count}  {row['cell']}: {describe_outcome(row)}", flush=True)


def _announce(plan: Plan, tasks: Sequence[local.Task], jobs: int | None) -> None:
    found = state.survey(plan)
    print(f"{count_cells(plan, found)}; folder {plan.output}", flush=True)
    if tasks:
        pace = "as many at a time as Ray has room for" if jobs is None else f"{jobs} at a time"
        print(f"{len(tasks)} to run, {pace}; what they print: {state.log_file(plan.output, '*')}", flush=True)
