"""Every fold of a protocol in one command: a run's folder a fold, and the summary of all.

The two kinds of spread are never mixed: the interval of the pooled scores is that of the tested samples, the spread
between the folds is that of training on different parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from fer_plugins import config
from fer_plugins.analysis.figures.at_the_end import draw_at_end
from fer_plugins.experiments.cells import Begin, Cell, GoOn, run_cells
from fer_plugins.experiments.found_runs import FAILED, FINISHED, Found, find_runs
from fer_plugins.experiments.run_end import write_if_possible
from fer_plugins.experiments.run_lock import hold_run
from fer_plugins.metrics.copies import score_copies
from fer_plugins.metrics.scores import score
from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runs import record as records
from fer_plugins.runs.predictions_file import NamedPredictions, PredictionsFile
from fer_plugins.runs.record import Record
from fer_plugins.runs.result_table import print_result, result_console
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.runtime.print_table import print_table


def begin_all(resolved: config.Resolved, count: int, begin: Begin) -> Record:
    """Run each of ``count`` folds in a folder of its own inside a new one; return the record of the whole.

    A fold that fails does not stop the others; ``fer-run --resume`` on the folder runs what is missing.

    Raises:
        InputError: the first fold refuses its input; nothing was written.
        RunError: a fold has failed; the others are there. Interrupted: the user stopped it.
    """
    settings = resolved.config
    folder = records.create_folder(
        replace(settings, protocol=replace(settings.protocol, name=f"{settings.protocol.name}-{count}folds"))
    )
    (folder / "checkpoints").rmdir()  # each fold has its own
    whole = Record(folder, config=settings)
    with hold_run(folder):
        whole.write_config(config.dump(settings))
        if resolved.series:
            whole.manifest["series"] = dict(resolved.series)
        return begin_in(whole, count, begin)


def begin_in(whole: Record, count: int, begin: Begin) -> Record:
    """Run each of ``count`` folds inside a folder whose config.yaml is written; see ``begin_all``."""
    whole.write_manifest(status="running", folds=[None] * count, failed={})
    try:
        return _run_missing(whole, begin, None, {})
    except InputError:
        _remove(whole)
        raise


def resume_all(whole: Record, begin: Begin, go_on: GoOn) -> Record:
    """Run the folds that are missing or failed, go on with one that was interrupted, and sum up anew.

    Raises:
        InputError: as ``begin_all``, or a fold's folder is damaged. RunError: as ``begin_all``.
    """
    begun = _find_begun(whole.folder)
    before = {key: whole.manifest[key] for key in ("status", "failed") if key in whole.manifest}
    whole.write_manifest(status="running", failed={})
    try:
        return _run_missing(whole, begin, go_on, begun)
    except InputError:
        whole.write_manifest(**before)
        raise


def _run_missing(whole: Record, begin: Begin, go_on: GoOn | None, begun: Mapping[int, Found]) -> Record:
    names: list[str | None] = whole.manifest["folds"]
    missing = [number for number, name in enumerate(names) if name is None]
    failed: dict[str, str] = {}
    outcomes = run_cells(_cells(whole, missing, begun), begin, go_on)
    number = missing[0] if missing else 0
    try:
        for number in missing:
            outcome = next(outcomes)
            if outcome.record is None:
                failed[str(number)] = str(outcome.error)
                whole.write_manifest(failed=failed)
            else:
                names[number] = outcome.record.folder.name
                whole.write_manifest(folds=names)
    except Interrupted:
        whole.write_manifest(status="interrupted")
        raise Interrupted(f"interrupted in fold {number}; go on with: fer-run --resume {whole.folder}") from None
    if failed:
        whole.write_manifest(status="failed", failed=failed)
        numbers = ", ".join(failed)
        raise RunError(f"fold {numbers} failed, the others are finished; go on with: fer-run --resume {whole.folder}")
    sum_up(whole)
    _draw(whole)
    return whole


def _cells(whole: Record, missing: Sequence[int], begun: Mapping[int, Found]) -> list[Cell]:
    cells = []
    count = len(whole.manifest["folds"])
    for number in missing:
        asked = config.read_config(whole.config)
        settings = replace(asked, run=replace(asked.run, fold=number, output=str(whole.folder)))
        run = begun.get(number)
        kept = run.record if run and run.status != FAILED else None  # one that failed is run anew
        title = f"fold {number} of {count} (0 to {count - 1})"
        finished = run is not None and run.status == FINISHED  # killed before the whole knew of it
        cells.append(Cell(f"fold {number}", config.Resolved(settings), title, kept, finished))
    return cells


def _find_begun(folder: Path) -> Mapping[int, Found]:
    def fold_of(record: Record) -> int:
        number: int | None = record.config["run"]["fold"]
        return -1 if number is None else number  # somebody put a run of another kind here

    found = find_runs(folder, fold_of)
    if found.strays:
        raise InputError(f"{folder / found.strays[0]}: damaged; move it away, and resume again")
    return found.runs


def _remove(whole: Record) -> None:
    for path in (whole.folder / "config.yaml", whole.folder / "manifest.json"):
        path.unlink(missing_ok=True)
    if not any(whole.folder.iterdir()):
        whole.folder.rmdir()


def sum_up(whole: Record) -> None:
    """Pool the folds of a whole, write and print what they give together."""
    done = whole.read_folds()
    part = done[0].manifest["reported_on"]
    classes = done[0].manifest["data"]["classes"]
    # of other datasets each fold tests all: not pooled
    pooled = NamedPredictions.join([PredictionsFile.read(one, classes).of(part) for one in done])
    each = [
        {"fold": number, "n": one.metrics[part]["n"], "best_epoch": one.manifest["best_epoch"], "run": one.folder.name}
        | {name: one.metrics[part][name] for name in SUMMARY}
        for number, one in enumerate(done)
    ]
    spread = {name: _spread([float(one[name]) for one in each]) for name in SUMMARY}
    counted = (one.manifest["data"].get("copies_in_training") for one in done)
    copies = [counts for counts in counted if counts]  # earlier versions did not count
    once = len(set(pooled.sources)) == len(pooled.sources)
    whole.metrics = {"per_fold": each, "between_folds": spread}
    if once:  # samples that are tested in several folds would count as several
        predictions = pooled.to_predictions()
        whole.metrics[part] = score(predictions, classes)
        searched = all(counts[part]["near"] is not None for counts in copies)
        copy_scores = score_copies(predictions, pooled.copies, classes, near_searched=searched)
        whole.metrics[part] |= {"copies": copy_scores} if copy_scores else {}
        status = {part: pooled.copies.tolist()} if copy_scores else None
        whole.write_predictions({part: (pooled.sources, predictions)}, classes, copies=status)
    whole.write_metrics()
    first = done[0].manifest
    hashes = [one.manifest["data"]["split_hash"] for one in done]
    faults = [f"fold {number}: {fault}" for number, one in enumerate(done) for fault in one.metrics["not_a_result"]]
    whole.write_manifest(
        status="finished", reported_on=part, plugin=first["plugin"], protocol=first["protocol"], split_hashes=hashes,
        each_sample_tested_once=once, seeds=first["seeds"], not_a_result=faults,
        data={key: first["data"][key] for key in ("name", "title", "fingerprint", "classes", "limit")}
        | ({"copies_in_training": _add_up(copies)} if len(copies) == len(done) else {}),
    )  # fmt: skip
    _show(whole, part, each, spread, faults)


def _add_up(copies: Sequence[Mapping[str, Mapping[str, int | None]]]) -> dict[str, dict[str, int | None]]:
    """Add the images with a copy in training over the folds; a kind that one fold did not search is None."""
    total: dict[str, dict[str, int | None]] = {}
    for split, kinds in copies[0].items():
        counts = {kind: [fold[split][kind] for fold in copies] for kind in kinds}
        total[split] = {kind: None if None in each else sum(filter(None, each)) for kind, each in counts.items()}
    return total


def _draw(whole: Record) -> None:
    _, not_drawn = draw_at_end(whole)
    if not_drawn:
        whole.manifest["warnings"] = not_drawn
        write_if_possible(whole)


def _spread(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)), "folds": len(values)}


def _show(whole: Record, part: str, each: list[dict[str, Any]], spread: dict[str, Any], faults: list[str]) -> None:
    console, manifest = result_console(), whole.manifest
    head = {
        "plug-in": "{name} ({distribution} {version})".format(**manifest["plugin"]),
        "data": f"{manifest['data']['title']} {manifest['data']['fingerprint']}",
        "protocol": f"{manifest['protocol']['name']}, {len(each)} folds",
        "seeds": f"run {manifest['seeds']['run']}, protocol {manifest['seeds']['protocol']}",
        "flaw": manifest["protocol"]["flaw"],
    }
    table = Table(title=f"{part}, fold by fold", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("fold", "images", "epoch", *(metric.replace("_", " ") for metric in SUMMARY)):
        table.add_column(name, justify="right")
    for one in each:
        figures = [f"{one[name]:.4f}" for name in SUMMARY]
        table.add_row(str(one["fold"]), f"{one['n']:,}", str(one["best_epoch"]), *figures)
    for name in ("mean", "sd"):
        table.add_row(name, "", "", *(f"{spread[metric][name]:.4f}" for metric in SUMMARY))
    console.print()
    print_table(console, table)
    console.print("mean and sd are over the folds: training on other parts, not an interval of the score", style="dim")
    if part in whole.metrics:
        console.print("all folds together, every sample tested once:")
        print_result(console, {part: whole.metrics[part]}, [], head, {}, (), faults)
    else:
        console.print("samples are tested in more than one fold, so they are not pooled")
    if whole.config["data"].get("targets") and part == "test":
        console.print("other datasets are tested by each fold's network; their scores stand in the folds' own folders")
    console.print(f"recorded in {whole.folder}")
