"""Runs many runs: folds, seeds, cells of a grid, trials of a search and both sides of a comparison.

An executor decides where the cells run: ``in_process`` in this process, ``workers.execute`` in processes on this
machine, ``ray_executor.execute`` on a cluster.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass

from fer_plugins import config
from fer_plugins.experiments.existing_runs import training_seconds
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, Interrupted, RunError

Begin = Callable[[config.Resolved], Record]
GoOn = Callable[[Record], Record]


@dataclass(frozen=True)
class Cell:
    """One of many runs."""

    name: str  # unique among the cells, such as "fold 1"
    resolved: config.Resolved  # configuration of the run; its folder is created in ``run.output``
    title: str = ""  # printed before it is run in this process
    begun: Record | None = None  # the unfinished run to continue, if there is one
    finished: bool = False  # ``begun`` is finished, so that it is kept


@dataclass(frozen=True)
class Outcome:
    """The result of a cell."""

    cell: Cell
    record: Record | None  # None: the cell failed
    error: InputError | RunError | None
    seconds: float  # duration; for a kept run that of its training


Execute = Callable[[Iterable[Cell]], Generator[Outcome, None, None]]


def run_cells(cells: Iterable[Cell], execute: Execute, *, silent: bool = False) -> Generator[Outcome, None, None]:
    """Run cells and yield the outcome of each when it ends; a failing cell does not stop the others.

    Closing this generator early stops the cells that are running.

    Args:
        cells: may be generated while they are run, based on earlier outcomes.
        execute: runs the cells that are not finished.
        silent: suppress all output of the runs and of this function.

    Raises:
        InputError: the first cell that is run rejects its input, as all others would.
        Interrupted: the user stopped the command.
    """
    ran = False
    announced = cells if silent else _announce(cells)
    for finished, group in itertools.groupby(announced, key=lambda cell: cell.finished):
        with contextlib.closing((_finished_outcomes if finished else execute)(group)) as outcomes:
            while True:
                with _silence() if silent else contextlib.nullcontext():
                    outcome = next(outcomes, None)
                if outcome is None:
                    break
                if isinstance(outcome.error, InputError) and not ran:
                    raise outcome.error
                ran = ran or not finished
                if outcome.error is not None and not silent:
                    print(f"{outcome.cell.name} failed: {outcome.error}", flush=True)
                yield outcome


def in_process(begin: Begin, go_on: GoOn | None = None) -> Execute:
    """Return the executor that runs cells in this process, one after another."""

    def execute(cells: Iterable[Cell]) -> Generator[Outcome, None, None]:
        for cell in cells:
            started = time.perf_counter()
            record, error = None, None
            try:
                record = begin(cell.resolved) if cell.begun is None or go_on is None else go_on(cell.begun)
            except Interrupted:
                raise
            except (InputError, RunError) as problem:
                error = problem
            yield Outcome(cell, record, error, round(time.perf_counter() - started, 2))

    return execute


def _finished_outcomes(cells: Iterable[Cell]) -> Generator[Outcome, None, None]:
    for cell in cells:
        assert cell.begun is not None
        yield Outcome(cell, cell.begun, None, round(training_seconds(cell.begun), 2))


def _announce(cells: Iterable[Cell]) -> Iterator[Cell]:
    for cell in cells:
        if cell.title:
            print(cell.title, flush=True)
        yield cell


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
