"""``fer grid``: its words, its course, and what it prints."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config.registry import nearest
from fer_plugins.experiments.grid import local, state
from fer_plugins.experiments.grid.plan import Plan, read_plan
from fer_plugins.experiments.grid.tables import count_cells, describe_outcome, print_plan, print_summary
from fer_plugins.runs.record import write_atomically
from fer_plugins.runtime.errors import InputError, Interrupted

_USAGE = "fer grid GRID.yaml [--out FOLDER] [--path DATASETS] [--jobs N] [--dry-run] [--executor ray [--address A]]"
_VALUES = ("out", "path", "jobs", "executor", "address")


@dataclass
class _Request:
    file: str
    out: str | None = None
    path: str | None = None
    jobs: int | None = None
    executor: str = "local"
    address: str | None = None
    dry: bool = False


def grid(words: list[str]) -> int:
    """Run every cell of a grid file that is not finished, and sum up.

    Returns:
        0 when every cell is finished, 1 when one has failed.

    Raises:
        InputError: a word, the file or a cell is wrong; nothing was run.
        Interrupted: the user stopped it; the runs that were going on can be resumed.
    """
    request = _sort(words)
    if request.path is not None and not Path(request.path).is_dir():
        raise InputError(f"--path {request.path}: no such folder; it is the one that holds the datasets")
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
            again = shlex.join(["fer", "grid", *words])
            raise Interrupted(f"interrupted, {done} of {len(rows)} cells are finished; go on with: {again}") from None
        rows = state.write_summary(plan, errors)
    print_summary(plan, rows)
    return int(any(row["status"] != state.FINISHED for row in rows))


def _execute(
    request: _Request, plan: Plan, tasks: Sequence[local.Task], jobs: int | None, devices: Sequence[str], lock: int
) -> Generator[local.Ended, None, None]:
    if request.executor == "local":
        return local.execute(tasks, jobs=jobs or 1, devices=devices, lock=lock)
    from fer_plugins.experiments.grid import ray_executor

    gpus = any(cell.config.trainer.accelerator != "cpu" for cell in plan.cells)
    return ray_executor.execute(tasks, jobs=jobs, address=request.address, gpus=gpus)


def _sort(words: Sequence[str]) -> _Request:
    files, given = list[str](), dict[str, Any]()
    left = iter(words)
    for word in left:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("-"):
            files.append(word)
        elif word == "--dry-run":
            given["dry"] = True
        elif name in _VALUES and word.startswith("--"):
            given[name] = value if equals else next(left, "")
            if not given[name] or given[name].startswith("--"):
                raise InputError(f"fer grid: --{name} needs a value: {_USAGE}")
        else:
            known = ["--dry-run", *(f"--{one}" for one in _VALUES)]
            raise InputError(f"fer grid: unknown word {word!r}{nearest(word, known)}; known: {', '.join(known)}")
    if len(files) != 1:
        raise InputError(f"fer grid: expected one file: {_USAGE}")
    if "jobs" in given:
        if not given["jobs"].isdecimal() or int(given["jobs"]) < 1:
            raise InputError(f"fer grid: --jobs {given['jobs']}: expected a whole number from 1: runs at a time")
        given["jobs"] = int(given["jobs"])
    if given.get("executor", "local") not in ("local", "ray"):
        raise InputError(f"fer grid: --executor {given['executor']}: expected local or ray")
    if "address" in given and given.get("executor") != "ray":
        raise InputError("fer grid: --address: is that of a Ray cluster; add --executor ray")
    return _Request(files[0], **given)


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
