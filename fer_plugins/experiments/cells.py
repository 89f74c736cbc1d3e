"""The one runner of many runs: folds, seeds, cells of a grid, trials of a search and both sides of a comparison.

An executor says where the cells run: ``in_process`` here, ``workers.execute`` in processes of this machine,
``ray_executor.execute`` on a cluster.
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
    """One run of many."""

    name: str  # unique among them, such as "fold 1"
    resolved: config.Resolved  # what is run; ``run.output`` is where the folder is made
    title: str = ""  # printed before it is run in this process
    begun: Record | None = None  # its run so far, to be gone on with
    finished: bool = False  # that run is finished, and kept


@dataclass(frozen=True)
class Outcome:
    """How a cell ended."""

    cell: Cell
    record: Record | None  # None: it failed
    error: InputError | RunError | None
    seconds: float  # of a run that is kept: what it took then


Execute = Callable[[Iterable[Cell]], Generator[Outcome, None, None]]


def run_cells(cells: Iterable[Cell], execute: Execute, *, silent: bool = False) -> Generator[Outcome, None, None]:
    """Run cells and yield each as it ends; one that fails stops no other.

    What ends this generator early ends the runs that are going on.

    Args:
        cells: may be made while they are run, each from the outcomes before it.
        execute: runs those that are not finished.
        silent: print nothing, neither the runs nor this; the caller does.

    Raises:
        InputError: the first cell that is run refuses its input, as all would. Interrupted: the user stopped it.
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
    """Return the executor that runs cells in this process, one after the other."""

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
