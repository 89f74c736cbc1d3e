"""``fer-run --seeds N``: the same run with N seeds, and the spread of its scores over the trainings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.analysis.seed_spread import format_spread, range_of, seed_interval
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments.cells import Begin, Cell, GoOn, Outcome, in_process, run_cells
from fer_plugins.experiments.existing_runs import FINISHED, find_runs
from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record
from fer_plugins.runs.result_table import result_console
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.print_table import print_table, titled_table
from fer_plugins.training.arithmetic import computed_alike, settle_arithmetic


def run_seeds(count: int, resolve: Callable[[int], config.Resolved], begin: Begin) -> list[Record]:
    """Run a configuration with ``count`` seeds, one after another, and print the spread of its scores.

    The protocol's seed stays the same, so that all are tested on the same samples. Each is an ordinary run in its own
    folder. A failing run does not stop the others; runs that are not a valid result are named and left out of the
    spread.

    Args:
        count: number of trainings, at least 2.
        resolve: maps a number 0, 1, 2, ... to the configuration with the seed increased by it.
        begin: trains and scores one run.

    Returns:
        The records of the runs that finished.

    Raises:
        InputError: ``count`` is below 2, or the first run rejects its input.
        RunError: a run has failed, or a later one rejected its input; the others are finished.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise InputError(f"--seeds {count}: give a number of trainings, at least 2; one training is --seed N")
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"

    def cells() -> Iterator[Cell]:
        first: config.Resolved | None = None
        for number in range(count):
            resolved = replace(resolve(number), series={"id": name, "number": number, "count": count})
            # Chosen once: seeds with different precision or memory layout would differ by more than their seed.
            resolved = settle_arithmetic(resolved) if first is None else computed_alike(resolved, first)
            first = first or resolved
            seed = resolved.config.seed
            yield Cell(f"seed {seed}", resolved, f"seed {seed} ({number + 1} of {count})")

    return _sum_up(run_cells(cells(), in_process(begin)))


class Series:
    """The runs of a ``fer-run --seeds`` command, given one of them, in the same parent folder."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._series: dict[str, Any] = record.manifest["series"]
        self._beside = record.folder.absolute().parent
        self._copies = 0
        self._runs = find_runs(self._beside, self._number_of).runs

    def _number_of(self, record: Record) -> int | None:
        series = record.manifest.get("series") or {}
        if series.get("id") != self._series["id"]:
            return None
        number: int = series["number"]
        self._copies += number == self._series["number"]
        return number

    def is_here(self) -> bool:
        """Return whether the other seeds belong here: another one is here, or this run is still in its original place.

        A copy of a single run, elsewhere or in the same place, is treated as that run only.
        """
        return self._copies == 1 and (len(self._runs) > 1 or self._is_in_place())

    def _is_in_place(self) -> bool:
        output = Path(self._record.config["run"]["output"]).expanduser()
        if output.is_absolute():
            return output.exists() and output.samefile(self._beside)
        names = [name for name in Path(os.path.normpath(output)).parts if name != ".."]  # relative to the start folder
        return list(self._beside.parts[len(self._beside.parts) - len(names) :]) == names

    def is_finished(self) -> bool:
        """Return whether all seeds are finished."""
        return all(self._is_finished(number) for number in range(self._series["count"]))

    def has_finished(self) -> bool:
        """Return whether at least one seed is finished."""
        return any(self._is_finished(number) for number in self._runs)

    def _is_finished(self, number: int) -> bool:
        return number in self._runs and self._runs[number].status == FINISHED

    def resume(self, settings: config.RunConfig, begin: Begin, go_on: GoOn) -> list[Record]:
        """Continue unfinished seeds, run missing ones, and print the spread.

        Raises:
            InputError: as for ``run_seeds``.
            RunError: as for ``run_seeds``.
        """
        first, cells = self._record.config["seed"] - self._series["number"], []
        for number in range(self._series["count"]):
            seed, finished = first + number, self._is_finished(number)
            own = replace(settings, seed=seed, run=replace(settings.run, output=str(self._record.folder.parent)))
            notice = "" if self._record.manifest.get("demonstration") else None
            series = {**self._series, "number": number}
            measured = self._record.manifest.get("arithmetic", {})
            resolved = config.Resolved(own, notice=notice, series=series, measured=measured)
            begun = self._runs[number].record if number in self._runs else None
            title = f"seed {seed} ({number + 1} of {self._series['count']}){', finished already' if finished else ''}"
            cells.append(Cell(f"seed {seed}", resolved, title, begun, finished))
        return _sum_up(run_cells(cells, in_process(begin, go_on)))


def _sum_up(outcomes: Iterable[Outcome]) -> list[Record]:
    done: list[Record] = []
    failed: list[str] = []
    with reading_once():
        for outcome in outcomes:
            if outcome.record is not None:
                done.append(outcome.record)
            else:
                failed.append(outcome.cell.name.removeprefix("seed "))
    _show(done)
    if failed:
        raise RunError(f"seed {', '.join(failed)} failed, the others are finished; see above")
    return done


def _show(records: list[Record]) -> None:
    console = result_console()
    try:
        runs = [read_run(record.folder) for record in records]
    except InputError as error:  # folds that test samples twice have no pooled score
        console.print(f"no spread: {error}", soft_wrap=True)
        return
    sound = [run for run in runs if not run.faults]
    for run in runs:
        if run.faults:
            console.print(f"NOT A RESULT, left out: seed {run.seed} ({'; '.join(run.faults)})", style="bold red")
    if len(sound) < 2:
        console.print("no spread: it takes at least two trainings that are results")
        return
    title = f"{sound[0].split}, over {len(sound)} seeds: mean of the trainings and 95 % interval of the mean"
    table = titled_table(title, "score", numbers=("mean", "sd", "t interval", "z form", "lowest", "highest"))
    for name in SUMMARY:
        values = [float(run.scores[name]) for run in sound]
        spread = seed_interval(values, range_of(name))
        ends = (format_spread(spread, "t"), format_spread(spread, "z"))
        extremes = (f"{min(values):.4f}", f"{max(values):.4f}")
        table.add_row(name.replace("_", " "), f"{spread['mean']:.4f}", f"{spread['sd']:.4f}", *ends, *extremes)
    console.print()
    print_table(console, table)
    console.print(
        "The spread of training again on the same samples; that of other samples is each run's own interval. The z "
        "form is what papers print, and too narrow for few seeds.",
        style="dim",
    )
    folders = " ".join(str(Path(run.record.folder)) for run in sound)
    console.print(f"fer table {folders}", soft_wrap=True)
