"""Runs all folds of a protocol in one command: one run folder per fold, and a summary over all folds.

The two kinds of spread are never combined: the interval of the pooled scores is due to the tested samples, the spread
between the folds is due to training on different splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_plugins import config
from fer_plugins.analysis.figures.recorded import draw_at_end
from fer_plugins.experiments.cells import Begin, Cell, GoOn, in_process, run_cells
from fer_plugins.experiments.existing_runs import FAILED, FINISHED, ExistingRun, find_runs
from fer_plugins.experiments.folder_lock import hold_folder
from fer_plugins.experiments.run_end import write_if_possible
from fer_plugins.metrics.cluster_scores import score_clusters
from fer_plugins.metrics.copies import score_copies
from fer_plugins.metrics.scores import score
from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runs import record as records
from fer_plugins.runs.predictions_file import NamedPredictions, PredictionsFile
from fer_plugins.runs.record import Record
from fer_plugins.runs.result_table import print_result, result_console
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.runtime.plain_values import shell_word
from fer_plugins.runtime.print_table import print_table, titled_table


def begin_all(resolved: config.Resolved, count: int, begin: Begin) -> Record:
    """Run each of ``count`` folds in its own folder inside a new one; return the record of all folds.

    A fold that fails does not stop the others; ``fer-run --resume`` on the folder runs the missing folds.

    Raises:
        InputError: the first fold rejects its input; nothing was written.
        RunError: a fold has failed; the others are finished.
        Interrupted: the user stopped the command.
    """
    settings = resolved.config
    named = replace(settings.protocol, name=f"{settings.protocol.name}-{count}folds")
    folder = records.create_folder(replace(settings, protocol=named))
    (folder / "checkpoints").rmdir()  # each fold has its own
    record = Record(folder, config=settings.as_dict())
    with hold_folder(folder):
        record.write_config(config.dump(settings))
        if resolved.measured:
            record.manifest["arithmetic"] = dict(resolved.measured)
        if resolved.series:
            record.manifest["series"] = dict(resolved.series)
        return begin_in(record, count, begin)


def begin_in(record: Record, count: int, begin: Begin) -> Record:
    """Run each of ``count`` folds inside a folder that already has its config.yaml; see ``begin_all``."""
    record.write_manifest(status="running", folds=[None] * count, failed={})
    try:
        return _run_missing(record, begin, None, {})
    except InputError:
        for name in ("config.yaml", "manifest.json"):
            (record.folder / name).unlink(missing_ok=True)
        if not any(record.folder.iterdir()):
            record.folder.rmdir()
        raise


def resume_all(record: Record, begin: Begin, go_on: GoOn) -> Record:
    """Run the folds that are missing or failed, continue an interrupted one, and summarise all folds again.

    Raises:
        InputError: as for ``begin_all``, or the folder of a fold is damaged.
        RunError: as for ``begin_all``.
    """
    begun = _find_begun(record.folder)
    before = {key: record.manifest[key] for key in ("status", "failed") if key in record.manifest}
    record.write_manifest(status="running", failed={})
    try:
        return _run_missing(record, begin, go_on, begun)
    except InputError:
        record.write_manifest(**before)
        raise


def _run_missing(record: Record, begin: Begin, go_on: GoOn | None, begun: Mapping[int, ExistingRun]) -> Record:
    names: list[str | None] = record.manifest["folds"]
    missing = [number for number, name in enumerate(names) if name is None]
    failed: dict[str, str] = {}
    outcomes = run_cells(_cells(record, missing, begun), in_process(begin, go_on))
    number = missing[0] if missing else 0
    try:
        for number in missing:
            outcome = next(outcomes)
            if outcome.record is None:
                failed[str(number)] = str(outcome.error)
                record.write_manifest(failed=failed)
            else:
                names[number] = outcome.record.folder.name
                record.write_manifest(folds=names)
    except Interrupted:
        record.write_manifest(status="interrupted")
        raise Interrupted(
            f"interrupted in fold {number}; continue with: fer-run --resume {shell_word(record.folder)}"
        ) from None
    if failed:
        record.write_manifest(status="failed", failed=failed)
        numbers = ", ".join(failed)
        raise RunError(
            f"fold {numbers} failed, the others are finished; continue with: fer-run "
            f"--resume {shell_word(record.folder)}"
        )
    sum_up(record)
    _, not_drawn = draw_at_end(record)
    if not_drawn:
        record.manifest["warnings"] = not_drawn
        write_if_possible(record)
    return record


def _cells(record: Record, missing: Sequence[int], begun: Mapping[int, ExistingRun]) -> list[Cell]:
    cells = []
    count = len(record.manifest["folds"])
    settings = config.read_config(record.config)
    for number in missing:
        fold_settings = replace(settings, run=replace(settings.run, fold=number, output=str(record.folder)))
        run = begun.get(number)
        begun_run = run.record if run and run.status != FAILED else None  # a failed fold is repeated
        title = f"fold {number} of {count} (0 to {count - 1})"
        finished = run is not None and run.status == FINISHED  # killed before the manifest of all folds listed it
        cells.append(Cell(f"fold {number}", config.Resolved(fold_settings), title, begun_run, finished))
    return cells


def _find_begun(folder: Path) -> Mapping[int, ExistingRun]:
    def fold_of(record: Record) -> int:
        number: int | None = record.config["run"]["fold"]
        return -1 if number is None else number  # a run of another kind was put here

    begun = find_runs(folder, fold_of)
    if begun.strays:
        raise InputError(f"{folder / begun.strays[0]}: damaged; move it away, and resume again")
    return begun.runs


def sum_up(record: Record) -> None:
    """Pool the predictions of the folds, and write and print the summary."""
    folds = record.read_folds()
    first = folds[0].manifest
    split, classes = first["reported_on"], first["data"]["classes"]
    # Predictions on other datasets are not pooled: every fold tests all of their samples.
    pooled = NamedPredictions.join([PredictionsFile.read(fold, classes).of(split) for fold in folds])
    rows = [
        {"fold": number, "n": fold.metrics[split]["n"], "best_epoch": fold.manifest["best_epoch"]}
        | {"run": fold.folder.name, **{name: fold.metrics[split][name] for name in SUMMARY}}
        for number, fold in enumerate(folds)
    ]
    values = {name: [float(row[name]) for row in rows] for name in SUMMARY}
    spread = {
        name: {"mean": float(np.mean(scores)), "sd": float(np.std(scores, ddof=1)), "folds": len(rows)}
        for name, scores in values.items()
    }
    counted = (fold.manifest["data"].get("copies_in_training") for fold in folds)
    copies = [counts for counts in counted if counts]  # not counted by earlier versions
    once = len(set(pooled.sources)) == len(pooled.sources)
    record.metrics = {"per_fold": rows, "between_folds": spread}
    if once:  # samples that are tested in several folds would be counted several times
        predictions = pooled.to_predictions()
        record.metrics[split] = score(predictions, classes)
        record.metrics[split] |= score_clusters(predictions, classes, pooled.subjects, pooled.sequences)
        searched = all(counts[split]["near"] is not None for counts in copies)
        copy_scores = score_copies(predictions, pooled.copies, classes, near_searched=searched)
        record.metrics[split] |= {"copies": copy_scores} if copy_scores else {}
        columns = {"copy": pooled.copies, "subject": pooled.subjects, "sequence": pooled.sequences}
        by_split = {name: {split: column.tolist()} for name, column in columns.items() if (column != "").any()}
        record.write_predictions({split: (pooled.sources, predictions)}, classes, by_split)
    record.write_metrics()
    faults = [f"fold {number}: {fault}" for number, fold in enumerate(folds) for fault in fold.metrics["not_a_result"]]
    data = {key: first["data"][key] for key in ("name", "title", "fingerprint", "classes", "limit")}
    record.write_manifest(
        status="finished",
        reported_on=split,
        **{key: first[key] for key in ("plugin", "protocol", "seeds")},
        split_hashes=[fold.manifest["data"]["split_hash"] for fold in folds],
        each_sample_tested_once=once,
        not_a_result=faults,
        data=data | ({"copies_in_training": _count_copies(copies)} if len(copies) == len(folds) else {}),
    )
    _show(record, rows, spread, faults)


def _count_copies(copies: Sequence[Mapping[str, Mapping[str, int | None]]]) -> dict[str, dict[str, int | None]]:
    """Sum the number of images with a copy in training over the folds; None if a fold did not search a kind."""
    total: dict[str, dict[str, int | None]] = {}
    for split, kinds in copies[0].items():
        counts = {kind: [fold[split][kind] for fold in copies] for kind in kinds}
        total[split] = {
            kind: None if None in numbers else sum(filter(None, numbers)) for kind, numbers in counts.items()
        }
    return total


def _show(record: Record, rows: list[dict[str, Any]], spread: dict[str, Any], faults: list[str]) -> None:
    console, manifest = result_console(), record.manifest
    split = manifest["reported_on"]
    head = {
        "plug-in": "{name} ({distribution} {version})".format(**manifest["plugin"]),
        "data": f"{manifest['data']['title']} {manifest['data']['fingerprint']}",
        "protocol": f"{manifest['protocol']['name']}, {len(rows)} folds",
        "seeds": f"run {manifest['seeds']['run']}, protocol {manifest['seeds']['protocol']}",
        "flaw": manifest["protocol"]["flaw"],
    }
    headings = ("fold", "images", "epoch", *(metric.replace("_", " ") for metric in SUMMARY))
    table = titled_table(f"{split}, fold by fold", numbers=headings)
    for row in rows:
        scores = [f"{row[name]:.4f}" for name in SUMMARY]
        table.add_row(str(row["fold"]), f"{row['n']:,}", str(row["best_epoch"]), *scores)
    for name in ("mean", "sd"):
        table.add_row(name, "", "", *(f"{spread[metric][name]:.4f}" for metric in SUMMARY))
    console.print()
    print_table(console, table)
    console.print("mean and sd are over the folds: training on other splits, not an interval of the score", style="dim")
    if split in record.metrics:
        console.print("all folds together, every sample tested once:")
        print_result(console, {split: record.metrics[split]}, [], head, {}, (), faults)
    else:
        console.print("samples are tested in more than one fold, so they are not pooled")
    if record.config["data"].get("targets") and split == "test":
        console.print("other datasets are tested by each fold's network; their scores stand in the folds' own folders")
    console.print(f"recorded in {record.folder}")
