"""Every fold of a protocol in one command: a run's folder a fold, and the summary of all.

The two kinds of spread are never mixed: the interval of the pooled scores is that of the tested samples, the spread
between the folds is that of training on different parts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from fer_plugins import config
from fer_plugins.metrics.metrics import score
from fer_plugins.runs import record as records
from fer_plugins.runs.record import Record
from fer_plugins.runs.recorded_answers import Answers, RecordedAnswers
from fer_plugins.runs.result_table import print_result, result_console
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.runtime.print_table import print_table

_SHOWN = ("accuracy", "balanced_accuracy", "f1")
RunOne = Callable[[config.Resolved], Record]
ResumeOne = Callable[[Path], Record]


def run_all(resolved: config.Resolved, count: int, run: RunOne) -> Record:
    """Run each of ``count`` folds in a folder of its own inside a new one; return the record of the whole.

    A fold that fails does not stop the others; ``fer-run --resume`` on the folder runs what is missing.

    Raises:
        InputError: the first fold refuses its input; nothing was written.
        RunError: a fold has failed; the others are there. Interrupted: the user stopped it.
    """
    settings = resolved.config
    folder = records.create_folder({**settings, "protocol": {"name": f"{settings['protocol']['name']}-{count}folds"}})
    (folder / "checkpoints").rmdir()  # each fold has its own
    whole = Record(folder, config=settings)
    whole.write_config(config.dump(settings))
    if resolved.series:
        whole.manifest["series"] = resolved.series
    return begin(whole, count, run)


def begin(whole: Record, count: int, run: RunOne) -> Record:
    """Run each of ``count`` folds inside a folder whose config.yaml is written; see ``run_all``."""
    whole.write_manifest(status="running", folds=[None] * count, failed={})
    return _run_missing(whole, run, None)


def resume_all(whole: Record, run: RunOne, resume: ResumeOne) -> Record:
    """Run the folds that are missing or failed, go on with one that was interrupted, and sum up anew.

    Raises:
        RunError: as ``run_all``.
    """
    whole.write_manifest(status="running", failed={})
    return _run_missing(whole, run, resume)


def _run_missing(whole: Record, run: RunOne, resume: ResumeOne | None) -> Record:
    names: list[str | None] = whole.manifest["folds"]
    failed: dict[str, str] = {}
    for number, name in enumerate(names):
        if name is not None:
            continue
        print(f"fold {number} of {len(names)} (0 to {len(names) - 1})", flush=True)
        begun, finished = _find_begun(whole.folder, number) if resume else (None, False)
        try:
            if begun and finished:  # killed before the whole knew of it
                done = Record.read(begun)
            else:
                done = resume(begun) if resume and begun else run(_one_fold(whole, number))
        except Interrupted:
            whole.write_manifest(status="interrupted")
            raise Interrupted(f"interrupted in fold {number}; go on with: fer-run --resume {whole.folder}") from None
        except InputError:
            if resume is None and number == 0:
                _remove(whole)
            raise
        except RunError as error:
            failed[str(number)] = str(error)
            print(f"fold {number} failed: {error}", flush=True)
            whole.write_manifest(failed=failed)
            continue
        names[number] = done.folder.name
        whole.write_manifest(folds=names)
    if failed:
        whole.write_manifest(status="failed", failed=failed)
        numbers = ", ".join(failed)
        raise RunError(f"fold {numbers} failed, the others are finished; go on with: fer-run --resume {whole.folder}")
    return _sum_up(whole)


def _one_fold(whole: Record, number: int) -> config.Resolved:
    settings = {name: dict(value) if isinstance(value, dict) else value for name, value in whole.config.items()}
    settings["run"].update(fold=number, output=str(whole.folder))
    return config.Resolved(settings)


def _find_begun(folder: Path, number: int) -> tuple[Path | None, bool]:
    """Return the newest folder of a run of this fold, finished ones first, and whether it is finished.

    A process that was killed leaves the status "running" behind, or a config.yaml alone; failed folds are run anew.
    """
    begun = None
    for path in sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True):
        if not (path / "config.yaml").is_file():
            continue
        known = (path / "manifest.json").is_file()
        record = Record.read(path) if known else Record(path, config=config.read_file(path / "config.yaml"))
        if record.config["run"]["fold"] != number:
            continue
        status = record.manifest.get("status")
        if status == "finished":
            return path, True
        if status != "failed" and begun is None:
            begun = path
    return begun, False


def _remove(whole: Record) -> None:
    for path in (whole.folder / "config.yaml", whole.folder / "manifest.json"):
        path.unlink(missing_ok=True)
    if not any(whole.folder.iterdir()):
        whole.folder.rmdir()


def _sum_up(whole: Record) -> Record:
    done = [Record.read(whole.folder / name) for name in whole.manifest["folds"]]
    part = done[0].manifest["reported_on"]
    classes = done[0].manifest["data"]["classes"]
    # of other datasets each fold tests all: not pooled
    answers = Answers.join([RecordedAnswers.read(one, classes).of(part) for one in done])
    each = [
        {"fold": number, "n": one.metrics[part]["n"], "best_epoch": one.manifest["best_epoch"], "run": one.folder.name}
        | {name: one.metrics[part][name] for name in _SHOWN}
        for number, one in enumerate(done)
    ]
    spread = {name: _spread([float(one[name]) for one in each]) for name in _SHOWN}
    once = len(set(answers.sources)) == len(answers.sources)
    whole.metrics = {"per_fold": each, "between_folds": spread}
    if once:  # samples that are tested in several folds would count as several
        predictions = answers.predictions()
        whole.metrics[part] = score(predictions, classes)
        whole.write_predictions({part: (answers.sources, predictions)}, classes)
    whole.write_metrics()
    first = done[0].manifest
    hashes = [one.manifest["data"]["split_hash"] for one in done]
    faults = [f"fold {number}: {fault}" for number, one in enumerate(done) for fault in one.metrics["not_a_result"]]
    whole.write_manifest(
        status="finished", reported_on=part, plugin=first["plugin"], protocol=first["protocol"], split_hashes=hashes,
        each_sample_tested_once=once, seeds=first["seeds"], not_a_result=faults,
        data={key: first["data"][key] for key in ("name", "title", "fingerprint", "classes", "limit")},
    )  # fmt: skip
    _show(whole, part, each, spread, faults)
    return whole


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
    for name in ("fold", "images", "epoch", *(metric.replace("_", " ") for metric in _SHOWN)):
        table.add_column(name, justify="right")
    for one in each:
        figures = [f"{one[name]:.4f}" for name in _SHOWN]
        table.add_row(str(one["fold"]), f"{one['n']:,}", str(one["best_epoch"]), *figures)
    for name in ("mean", "sd"):
        table.add_row(name, "", "", *(f"{spread[metric][name]:.4f}" for metric in _SHOWN))
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
