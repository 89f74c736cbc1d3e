"""The one runner of many runs: folds, seeds, trials of a search and both sides of a comparison are its cells."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fer_plugins import config
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, Interrupted, RunError

Begin = Callable[[config.Resolved], Record]
GoOn = Callable[[Record], Record]


@dataclass(frozen=True)
class Cell:
    """One run of many."""

    name: str  # tells it from the others in messages: "fold 1"
    resolved: config.Resolved  # what is run; its ``run.output`` is where the folder is made
    title: str = ""  # printed before it is run
    begun: Record | None = None  # its run so far, to be gone on with
    finished: bool = False  # that run is finished, and kept


@dataclass(frozen=True)
class Outcome:
    """How a cell ended."""

    cell: Cell
    record: Record | None  # None: it failed
    error: InputError | RunError | None
    seconds: float  # 0 for a run that is kept


def run_cells(
    cells: Iterable[Cell], begin: Begin, go_on: GoOn | None = None, *, silent: bool = False
) -> Iterator[Outcome]:
    """Run cells one after the other in this process; one that fails stops no other.

    Args:
        cells: may be made while they are run, each from the outcomes before it.
        begin: trains and scores one.
        go_on: goes on with one; needed where cells are begun.
        silent: print nothing, neither the runs nor this; the caller does.

    Raises:
        InputError: the first one that is run refuses its input, as all would. Interrupted: the user stopped it.
    """
    first = True
    for cell in cells:
        if cell.title and not silent:
            print(cell.title, flush=True)
        if cell.finished:
            yield Outcome(cell, cell.begun, None, 0.0)
            continue
        started = time.perf_counter()
        record, problem = None, None
        try:
            with _silence() if silent else contextlib.nullcontext():
                record = begin(cell.resolved) if cell.begun is None or go_on is None else go_on(cell.begun)
        except Interrupted:
            raise
        except (InputError, RunError) as error:
            if first and isinstance(error, InputError):
                raise
            problem = error
            if not silent:
                print(f"{cell.name} failed: {error}", flush=True)
        first = False
        yield Outcome(cell, record, problem, round(time.perf_counter() - started, 2))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
