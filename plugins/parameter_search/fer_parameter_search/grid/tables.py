"""Output of ``fer grid``: the plan with its time estimate, and the final table of the cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from fer_parameter_search.grid.estimate import MEASURED, SCALED, Estimate, estimate
from fer_parameter_search.grid.plan import Plan
from fer_parameter_search.grid.state import HIDDEN, Survey, survey_runs
from fer_parameter_search.workers import log_file
from fer_plugins.experiments.existing_runs import FAILED, FINISHED, NEW, RESUMABLE
from fer_plugins.runs.remarks import name_fault
from fer_plugins.runs.result_table import format_interval, result_console
from fer_plugins.runtime.activity import format_seconds
from fer_plugins.runtime.print_table import print_table


def count_cells(plan: Plan, survey: Survey) -> str:
    """Return the number of cells in each state, in words."""
    counts = Counter(survey.status(cell) for cell in plan.cells)
    far = ", ".join(f"{counts[status]} {status}" for status in (FINISHED, RESUMABLE, FAILED, NEW) if counts[status])
    left_out = f" ({plan.excluded} excluded)" if plan.excluded else ""
    return f"{len(plan.cells)} cell{'s' if len(plan.cells) > 1 else ''}{left_out}: {far}"


def print_plan(plan: Plan, jobs: int | None) -> None:
    """Print the cells, their state, and the estimated time of the others, if known.

    Args:
        plan: the grid.
        jobs: number of parallel runs; None: as many as Ray has room for, which is not known here.
    """
    survey = survey_runs(plan)
    times = estimate(plan, survey)
    console = result_console()
    table = _table("cell", "epochs", "state", "time left")
    for cell in plan.cells:
        time = times.get(cell.name)
        shown = "-" if time is None else "unknown" if time.seconds is None else f"about {format_seconds(time.seconds)}"
        if time is not None and time.basis == SCALED:
            shown += " (rough)"
        table.add_row(Text(cell.label), str(cell.config.trainer.epochs), survey.status(cell), shown)
    print_table(console, table)
    print(f"{count_cells(plan, survey)}; folder {plan.output}")
    print(_format_total(list(times.values()), jobs, survey))
    if survey.strays:
        print(f"belong to no cell, and stay: {', '.join(survey.strays)}")
    print("a dry run: nothing was run or written")


def _format_total(times: Sequence[Estimate], jobs: int | None, survey: Survey) -> str:
    if not times:
        return "time left: none, every cell is finished"
    known = [time.seconds for time in times if time.seconds is not None]
    if not known:
        return "time left: unknown; a finished cell with the same data and protocol tells"
    total = max(sum(known) / (jobs or 1), max(known))
    more = len(times) - len(known)
    pace = f"{jobs} at a time" if jobs else "one after the other (Ray runs as many at a time as it has room for)"
    text = f"time left: about {format_seconds(total)} of training, {pace}, if no run stops early"
    if more:
        text += f"; and {more} cell{'s' if more > 1 else ''} of which nothing is known"
    basis = Counter(time.basis for time in times if time.seconds is not None)
    parts = []
    if basis[MEASURED]:
        parts.append("finished cells of the same network")
    if basis[SCALED]:
        parts.append("multiply-adds beside those of other networks (rough)")
    finished = (run.record.manifest for run in survey.runs.values() if run.status == FINISHED)
    devices = {manifest["sessions"][-1].get("device") for manifest in finished if manifest.get("sessions")}
    where = f", measured on {'; '.join(sorted(filter(None, devices)))}" if any(devices) else ""
    return f"{text}\n  from {' and '.join(parts)}{where}"


def print_summary(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print one row per cell, then what is not a result, what failed and why, and what to do next."""
    console = result_console()
    parts = {row["part"] for row in rows if row.get("part")}
    title = f"{parts.pop()} accuracy" if len(parts) == 1 else "accuracy"
    table = _table("cell", "state", title, "95 % interval", "time")
    for row in rows:
        fine = row["status"] == FINISHED
        state = "NOT A RESULT" if fine and row["not_a_result"] else row["status"]
        table.add_row(Text(row["cell"]), state, *(_scores(row) if fine else ("-", "-")), _time(row))
    print_table(console, table)
    console.print("The interval is that of the tested samples; over trainings: fer compare, fer table.", style="dim")
    for row in rows:
        for fault in row.get("not_a_result", ()):
            console.print(Text(f"{row['cell']}: {name_fault(fault)}", style="yellow"))
    for remark in dict.fromkeys(remark for row in rows for remark in row.get("remarks", ())):
        console.print(Text(remark, style="yellow"))
    failed = [row for row in rows if row["status"] == FAILED]
    for row in failed:
        console.print(
            Text(f"failed: {row['cell']}: {row['error']} ({log_file(plan.output / HIDDEN, row['name'])})", style="red")
        )
    print(
        f"{sum(row['status'] == FINISHED for row in rows)} of {len(rows)} cells finished; {plan.output / 'grid.json'}"
    )
    if failed:
        print("failed cells are run again by the same command")


def describe_outcome(row: Mapping[str, Any]) -> str:
    """Describe the outcome of a cell in one line."""
    if row["status"] != FINISHED:
        return f"{row['status']}: {row['error']}"
    accuracy, interval = _scores(row)
    text = f"{row['part']} accuracy {accuracy} [{interval}], {_time(row)}"
    return f"NOT A RESULT ({row['not_a_result'][0]}), {text}" if row["not_a_result"] else text


def _scores(row: Mapping[str, Any]) -> tuple[str, str]:
    accuracy = "-" if row["accuracy"] is None else f"{row['accuracy']:.4f}"
    return accuracy, format_interval(row["accuracy_interval"])


def _time(row: Mapping[str, Any]) -> str:
    return "-" if row["seconds"] is None else format_seconds(row["seconds"])


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for number, name in enumerate(columns):
        table.add_column(name, overflow="fold", justify="left" if number == 0 else "right")
    return table
