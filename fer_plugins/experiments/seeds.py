"""``fer-run --seeds N``: the same run under N seeds, and how far its scores spread from training to training."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich import box
from rich.table import Table

from fer_plugins import config
from fer_plugins.analysis.seed_spread import seed_interval
from fer_plugins.analysis.spread_limits import format_spread, range_of
from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record
from fer_plugins.runs.result_table import result_console
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.print_table import print_table

RunOne = Callable[[], Record]


def run_seeds(
    count: int, resolve: Callable[[int], config.Resolved], run: Callable[[config.Resolved], Record]
) -> list[Record]:
    """Run a configuration under ``count`` seeds, one after the other, and print the spread of its scores.

    The protocol's seed stays, so that all are tested on the same samples. Each is an ordinary run in a folder of its
    own. One that fails does not stop the others; runs that are no result are named and left out of the spread.

    Args:
        count: number of trainings, at least 2.
        resolve: from a number 0, 1, 2, ... to the configuration with the seed raised by it.
        run: trains and scores one.

    Returns:
        The records of the runs that finished.

    Raises:
        InputError: ``count`` is below 2, or the first run refuses its input.
        RunError: a run has failed, or a later one refused its input; the others are finished.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise InputError(f"--seeds {count}: give a number of trainings, at least 2; one training is --seed N")
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"

    def begin() -> Iterator[tuple[int, RunOne]]:
        for number in range(count):
            resolved = resolve(number)
            resolved.series = {"id": name, "number": number, "count": count}
            print(f"seed {resolved.config['seed']} ({number + 1} of {count})", flush=True)
            yield resolved.config["seed"], functools.partial(run, resolved)

    return _run_all(begin())


def is_incomplete(record: Record) -> bool:
    """Return whether a seed of the series that a run belongs to is not finished."""
    siblings = _find_siblings(record)
    return any(
        number not in siblings or siblings[number].manifest.get("status") != "finished"
        for number in range(record.manifest["series"]["count"])
    )


def has_finished(record: Record) -> bool:
    """Return whether a seed of the series that a run belongs to is finished."""
    return any(one.manifest.get("status") == "finished" for one in _find_siblings(record).values())


def resume_series(
    record: Record,
    settings: config.Config,
    run: Callable[[config.Resolved], Record],
    resume: Callable[[Record], Record],
) -> list[Record]:
    """Finish a series: go on with the seeds that were begun, run those that are missing, and print the spread.

    Args:
        record: one run of the series; the others are looked for beside it.
        settings: its configuration, with what the user changes in it, for the seeds that are missing.
        run: trains and scores one.
        resume: goes on with one.

    Raises:
        InputError, RunError: as ``run_seeds``.
    """
    series = record.manifest["series"]
    siblings = _find_siblings(record)
    first = record.config["seed"] - series["number"]

    def begin() -> Iterator[tuple[int, RunOne]]:
        for number in range(series["count"]):
            known, seed = siblings.get(number), first + number
            finished = known is not None and known.manifest.get("status") == "finished"
            said = ", finished already" if finished else ""
            print(f"seed {seed} ({number + 1} of {series['count']}){said}", flush=True)
            if known is not None:
                yield seed, functools.partial(_keep if finished else resume, known)
                continue
            output = {**settings["run"], "output": str(record.folder.parent)}
            own = {**settings, "seed": seed, "run": output}
            notice = "" if record.manifest.get("demonstration") else None
            series_of_it = {**series, "number": number}
            yield seed, functools.partial(run, config.Resolved(own, notice=notice, series=series_of_it))

    return _run_all(begin())


def _keep(record: Record) -> Record:
    return record


def _find_siblings(record: Record) -> dict[int, Record]:
    """Return number -> run of the series that a run belongs to; of several the finished one."""
    found: dict[int, Record] = {}
    for path in sorted(record.folder.absolute().parent.glob("*/manifest.json")):
        try:
            one = Record.read(path.parent)
            series = one.manifest.get("series") or {}
            if series.get("id") != record.manifest["series"]["id"]:
                continue
            if series["number"] not in found or one.manifest.get("status") == "finished":
                found[series["number"]] = one
        except (InputError, AttributeError, KeyError):  # another run's folder, damaged
            continue
    return found


def _run_all(begun: Iterable[tuple[int, RunOne]]) -> list[Record]:
    done: list[Record] = []
    failed: dict[int, str] = {}
    for seed, run_one in begun:
        try:
            done.append(run_one())
        except (InputError, RunError) as error:
            first = not done and not failed  # what the first refuses, all would
            if first if isinstance(error, InputError) else type(error) is not RunError:  # or the user interrupts
                raise
            failed[seed] = str(error)
            print(f"seed {seed} failed: {error}", flush=True)
    _show(done)
    if failed:
        raise RunError(f"seed {', '.join(map(str, failed))} failed, the others are finished; see above")
    return done


def _show(records: list[Record]) -> None:
    console = result_console()
    try:
        runs = [read_run(record.folder) for record in records]
    except InputError as error:  # folds that test samples twice have no score over all
        console.print(f"no spread: {error}", soft_wrap=True)
        return
    sound = [run for run in runs if not run.faults]
    for run in runs:
        if run.faults:
            console.print(f"NOT A RESULT, left out: seed {run.seed} ({'; '.join(run.faults)})", style="bold red")
    if len(sound) < 2:
        console.print("no spread: it takes at least two trainings that are results")
        return
    title = f"{sound[0].part}, over {len(sound)} seeds: mean of the trainings and 95 % interval of the mean"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("score")
    for name in ("mean", "sd", "t interval", "z form", "lowest", "highest"):
        table.add_column(name, justify="right")
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
