"""A single run: builds data, module and trainer, then fits, selects, tests and records."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.analysis.claims.of_run import check_claims, claims_beside
from fer_plugins.analysis.figures.recorded import draw_at_end
from fer_plugins.config.logger_names import logger_names
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments import folds
from fer_plugins.experiments.folder_lock import hold_folder
from fer_plugins.experiments.processes import together
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.run_end import note_end, write_if_possible
from fer_plugins.experiments.scoring import RunScores, score_selected
from fer_plugins.metrics.scores import score_differences
from fer_plugins.runs import record as records
from fer_plugins.runs.manifest import describe, header
from fer_plugins.runs.record import Record
from fer_plugins.runs.result_table import print_result
from fer_plugins.runs.target_table import print_targets
from fer_plugins.runtime.activity import doing
from fer_plugins.runtime.errors import InputError, Interrupted
from fer_plugins.training import tracking
from fer_plugins.training.arithmetic import settle_arithmetic
from fer_plugins.training.build import build_data, build_module, build_trainer, check_machine, device_name, fit
from fer_plugins.training.module import FERModule
from fer_plugins.training.progress import EpochLog, ResultConsole
from fer_plugins.training.result import build_result
from fer_plugins.training.threads import choose_threads


def run(configuration: config.Resolved | Mapping[str, Any]) -> Record:
    """Train and score one model, or one for each fold of the protocol; return the record in the run's folder.

    Args:
        configuration: the result of ``config.resolve``, or a nested dictionary as on the command line, such as
            ``{"plugin": NAME, "data": {"name": "fer2013", "root": "fer2013.tar.gz"}}``.

    Raises:
        InputError: the input is wrong; nothing was written.
        RunError: the run failed after it started; its folder records this and has everything that was finished.
    """
    resolved = configuration if isinstance(configuration, config.Resolved) else config.resolve(configuration)
    with quiet(settings := resolved.config), reading_once():
        check_machine(settings)
        check_claims(settings)
        tracking.check(settings)
        records.check_output(settings.run.output)
        resolved = settle_arithmetic(resolved)
        settings = resolved.config
        for note in ([resolved.notice] if resolved.notice else []) + list(resolved.notes):
            print(note, flush=True)
        data = read_data(settings)
        if settings.run.fold is None:
            if (count := data.fold_count) > 1:
                del data  # each fold reads its own data, from the same images
                return folds.begin_all(resolved, count, train_fold)
            resolved = replace(resolved, config=replace(settings, run=replace(settings.run, fold=0)))
        return _train(resolved, data)


def train_fold(resolved: config.Resolved) -> Record:
    """Train and score one fold of a checked run; raises the same errors as :func:`run`."""
    return _train(resolved, read_data(resolved.config))


def read_data(settings: config.RunConfig) -> FERDataModule:
    """Read and split the data of a configuration; report it if this takes long."""
    with doing(f"reading {settings.data.name}"):
        return build_data(settings)


def _train(resolved: config.Resolved, data: FERDataModule) -> Record:
    settings = resolved.config
    with doing(f"building {settings.model.name}, measuring how many threads suit it"):
        module = build_module(settings, data)
        threads = choose_threads(settings, module.network)
    record = Record(records.create_folder(settings), config=settings.as_dict())
    with hold_folder(record.folder):
        try:
            record.write_config(config.dump(settings))
            more = {"threads": threads._asdict()} | ({"series": resolved.series} if resolved.series else {})
            more |= {"arithmetic": resolved.measured} if resolved.measured else {}
            record.write_manifest(**describe(settings, data, resolved.notice), **more)
            with doing(f"starting {' and '.join(logger_names(settings.logger.name)) or 'without a logger'}"):
                tracker = tracking.start(settings, record.folder)
        except InputError:
            shutil.rmtree(record.folder)
            raise
        execute(record, data, module, tracker)
    return record


def execute(
    record: Record,
    data: FERDataModule,
    module: FERModule,
    tracker: tracking.Tracker,
    resume_from: Path | None = None,
    session: Mapping[str, Any] | None = None,
) -> None:
    """Fit, score, record and show; in any case the manifest records how the run ended (written at the very end).

    Args:
        record: record of the run; its config.yaml must exist.
        data: prepared data.
        module: built with the run's seed.
        tracker: started.
        resume_from: checkpoint to resume from.
        session: further values for this session's entry in the manifest.

    Raises:
        Interrupted: the user stopped the run.
        RunError: the run failed; the manifest records why.
    """
    settings = config.read_config(record.config)
    started, resumed = time.time(), resume_from is not None
    start_time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started))
    session = {"started": start_time, "resumed": resumed, **(session or {})}
    console = ResultConsole(settings)
    record.manifest.pop("error", None)  # of an earlier session
    record.manifest["sessions"].append(session)  # from the beginning: a process that is killed writes no more
    record.write_manifest(status="running", tracking_id=tracker.run_id)
    try:
        with together(record, settings, data, resume_from) as group:
            log = EpochLog(tracker, console)
            trainer = build_trainer(settings, record, log)
            session["device"] = device_name(trainer)
            record.write_manifest()
            console.begin(record.folder, data, module, session["device"], resumed=resumed)
            with doing(log.describe):
                fit(trainer, module, data, resume_from)
            session["fit_seconds"] = round(time.time() - started, 2)
            result = score_selected(record, settings, trainer, module, data, group)
            summary = _record_scores(record, settings, data, result)
            _log_scores(tracker, record, data, result, summary)
            record.write_manifest(status="finished", test_opened=list(data.test_openings), **summary)
            _draw_figures(tracker, record, data, module)
            _show_result(console, record, result)
    except BaseException as error:
        raised = note_end(record, error)
        raise raised from (None if isinstance(raised, Interrupted) else error)
    finally:
        session["seconds"] = round(time.time() - started, 2)
        tracker.close(record.manifest["status"] == "finished")
        _add_warnings(record, tracker.warnings)  # from closing the loggers
        write_if_possible(record)


def _add_warnings(record: Record, warnings: Sequence[str]) -> None:
    recorded = record.manifest.setdefault("warnings", [])
    recorded += [warning for warning in dict.fromkeys(warnings) if warning not in recorded]


def _record_scores(
    record: Record, settings: config.RunConfig, data: FERDataModule, result: RunScores
) -> dict[str, Any]:
    """Write metrics.json and predictions.csv; return the summary for the manifest and the loggers."""
    scores, targets = result.scores, result.reported.targets
    _add_warnings(record, result.warnings)
    # A network that has collapsed still has scores, but they are not compared with the paper's claims.
    claims = [] if result.faults else claims_beside(record.manifest, settings, scores)
    record.metrics = {**scores, "claims": claims, "not_a_result": list(result.faults)}
    record.metrics |= {"targets": targets} if targets else {}
    if "train" in scores and (gap := score_differences(scores["train"], result.reported.scores)):
        record.metrics["generalisation_gap"] = gap
    rows = {split: (data.source_names(part.index), part) for split, part in result.predictions.items()}
    columns: dict[str, dict[str, Sequence[str]]] = {
        "dataset": {split: part.datasets for split, part in result.splits.items() if part.datasets is not None},
        "copy": {split: part.copies for split, part in result.splits.items() if part.copies is not None},
        "majority": {split: part.majority for split, part in result.splits.items() if part.majority is not None},
    }
    for name, column in (("subject", data.table.subject), ("sequence", data.table.sequence)):
        if column is not None:
            columns[name] = {split: column[part.index].tolist() for split, part in result.predictions.items()}
    record.write_predictions(rows, list(data.classes), columns)
    record.write_metrics()
    metrics = ("accuracy", "balanced_accuracy")
    return {
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "split_hash": data.split_hash,
        "fingerprint": data.fingerprint,
        "seed": settings.seed,
        "not_a_result": "; ".join(result.faults),
        **{f"target/{name}/{metric}": targets[name][metric] for metric in metrics for name in targets},
    }


def _log_scores(
    tracker: tracking.Tracker, record: Record, data: FERDataModule, result: RunScores, summary: Mapping[str, Any]
) -> None:
    predictions = result.reported.predictions
    names = data.source_names(predictions.index)
    # In every logger train/accuracy is that of an epoch, in training mode.
    scores = {"train_eval" if split == "train" else split: scored for split, scored in result.scores.items()}
    tracker.log_result(lambda: build_result(scores, predictions, data.row_images, names, data.classes, summary))
    tracker.log_checkpoint(record.checkpoints / "best.ckpt")


def _draw_figures(tracker: tracking.Tracker, record: Record, data: FERDataModule, module: FERModule) -> None:
    with doing("drawing figures"):
        pictures, not_drawn = draw_at_end(record, data, module.network)
    tracker.log_figures(pictures)
    record.manifest["warnings"] += not_drawn + tracker.warnings  # written with the session, at the very end


def _show_result(console: ResultConsole, record: Record, result: RunScores) -> None:
    print_result(
        console.console,
        result.scores,
        record.metrics["claims"],
        header(record),
        record.manifest["assumed"],
        record.manifest["warnings"],
        result.faults,
        gap=record.metrics.get("generalisation_gap"),
    )
    if result.reported.targets:
        print_targets(console.console, result.reported.targets)
    console.say(f"recorded in {record.folder}")
