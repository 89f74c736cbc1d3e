"""The execution of a grid: what to run, how to continue, and what to print."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from fer_parameter_search import workers
from fer_parameter_search.grid import state
from fer_parameter_search.grid.plan import Plan, read_plan
from fer_parameter_search.grid.tables import count_cells, describe_outcome, print_plan, print_summary
from fer_plugins import config
from fer_plugins.experiments.cells import Cell, Execute, Outcome, run_cells
from fer_plugins.experiments.existing_runs import FINISHED, RESUMABLE
from fer_plugins.runs.record import check_output
from fer_plugins.runtime.errors import Interrupted


@dataclass
class Request:
    """Options of ``fer grid``."""

    file: str
    out: str | None
    path: str | None
    jobs: int | None
    executor: str
    address: str | None
    dry: bool


def run_grid(request: Request) -> int:
    """Run every unfinished cell of a grid file, and print a summary.

    Returns:
        0 if all cells are finished, 1 if one has failed.

    Raises:
        InputError: the file or a cell is wrong; nothing was run.
        Interrupted: the user stopped it; the runs in progress can be resumed.
    """
    on_ray = request.executor == "ray"
    if on_ray:
        from fer_parameter_search import ray_executor

        ray_executor.check(request.address)
    plan = read_plan(request.file, output=request.out, datasets=request.path, elsewhere=on_ray)
    check_output(plan.output, f"--out {plan.output}", "another folder")
    jobs, devices = request.jobs, list[str]()
    if not on_ray:
        jobs, devices = workers.choose_jobs(request.jobs, [cell.config for cell in plan.cells])
    if request.dry:
        print_plan(plan, jobs)
        return 0
    with state.hold(plan.output) as lock:
        folder = plan.output / state.HIDDEN
        execute: Execute
        if on_ray:
            gpus = any(cell.config.trainer.accelerator != "cpu" for cell in plan.cells)
            execute = partial(ray_executor.execute, folder=folder, jobs=jobs, address=request.address, gpus=gpus)
        else:
            execute = partial(workers.execute, folder=folder, jobs=jobs or 1, devices=devices, lock=lock)
        cells = _unfinished_cells(plan, 1 if on_ray else workers.share_threads(jobs or 1))
        _announce(plan, cells, jobs)
        errors: dict[str, str] = {}
        try:
            _follow(plan, len(cells), run_cells(cells, execute, silent=True), errors)
        except KeyboardInterrupt:
            rows = state.write_summary(plan, errors)
            done = sum(row["status"] == FINISHED for row in rows)
            again = shlex.join(["fer", "grid", *_argv(request)])
            raise Interrupted(
                f"interrupted, {done} of {len(rows)} cells are finished; continue with: {again}"
            ) from None
        rows = state.write_summary(plan, errors)
    print_summary(plan, rows)
    return int(any(row["status"] != FINISHED for row in rows))


def _argv(request: Request) -> list[str]:
    """Return the arguments that repeat the command."""
    options = {name: getattr(request, name) for name in ("out", "path", "jobs", "address")}
    if request.executor != "local":
        options["executor"] = request.executor
    given = [(f"--{name}", str(value)) for name, value in options.items() if value is not None]
    return [request.file, *(word for pair in given for word in pair)]


def _unfinished_cells(plan: Plan, threads: int | None) -> list[Cell]:
    """Return the cells to run, interrupted runs first."""
    survey = state.survey_runs(plan)
    resumed, new = list[Cell](), list[Cell]()
    for cell in plan.cells:
        run, status = survey.find(cell), survey.status(cell)
        if run is not None and status == RESUMABLE:
            resumed.append(Cell(cell.name, config.Resolved(cell.config), begun=run.record))
        elif status != FINISHED:
            trainer = cell.config.trainer
            own = replace(cell.config, trainer=replace(trainer, threads=trainer.threads or threads))
            new.append(Cell(cell.name, config.Resolved(own)))
    return resumed + new


def _follow(plan: Plan, count: int, outcomes: Generator[Outcome, None, None], errors: dict[str, str]) -> None:
    """Print the outcome of each run when it ends; grid.json is complete after each."""
    with closing(outcomes):
        for number, outcome in enumerate(outcomes, 1):
            name = outcome.cell.name
            if outcome.error is not None:
                errors[name] = str(outcome.error)
            row = next(row for row in state.write_summary(plan, errors) if row["name"] == name)
            print(f"{number}/{count}  {row['cell']}: {describe_outcome(row)}", flush=True)


def _announce(plan: Plan, cells: Sequence[Cell], jobs: int | None) -> None:
    print(f"{count_cells(plan, state.survey_runs(plan))}; folder {plan.output}", flush=True)
    if cells:
        pace = "as many at a time as Ray has room for" if jobs is None else f"{jobs} at a time"
        logs = workers.log_file(plan.output / state.HIDDEN, "*")
        print(f"{len(cells)} to run, {pace}; what they print: {logs}", flush=True)
