"""The course of a run: data, module and trainer are assembled, fitted, selected, tested, recorded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L

from fer_plugins import config
from fer_plugins.analysis.claims.of_run import check_claims, claims_beside
from fer_plugins.analysis.figures.at_the_end import draw_at_end
from fer_plugins.config.logger_names import logger_names
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments import folds
from fer_plugins.experiments.folder_lock import hold_folder
from fer_plugins.experiments.processes import Together, together
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.run_end import note_end, write_if_possible
from fer_plugins.experiments.splits import score_pass, scored_splits
from fer_plugins.metrics.sanity_checks import check_pairing, find_wrong_pairing
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
from fer_plugins.training.checkpoints import read_checkpoint
from fer_plugins.training.module import FERModule
from fer_plugins.training.progress import EpochLog, ResultConsole
from fer_plugins.training.result import build_result
from fer_plugins.training.score_split import score_split
from fer_plugins.training.threads import choose_threads


def run(configuration: config.Resolved | Mapping[str, Any]) -> Record:
    """Train and score one model, or one for each fold of the protocol; return the record of the run's folder.

    Args:
        configuration: what ``config.resolve`` returned, or a nested dictionary as on the command line, such as
            ``{"plugin": NAME, "data": {"name": "fer2013", "root": "fer2013.tar.gz"}}``.

    Raises:
        InputError: the input is wrong; nothing was written.
        RunError: the run failed after it began; its folder says so and holds what was finished.
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
                del data  # each fold has its own, of the same images
                return folds.begin_all(resolved, count, train_fold)
            resolved = replace(resolved, config=replace(settings, run=replace(settings.run, fold=0)))
        return _train(resolved, data)


def train_fold(resolved: config.Resolved) -> Record:
    """Train and score one fold of a run that was checked; raises as :func:`run` does."""
    return _train(resolved, read_data(resolved.config))


def read_data(settings: config.RunConfig) -> FERDataModule:
    """Read and split the data of a configuration, and say so where it lasts."""
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
    """Fit, select, test and write; whatever happens, the manifest says how it ended (it is written at the very end).

    Args:
        record: of the run; its config.yaml is written.
        data: prepared.
        module: under the run's seed.
        tracker: started.
        resume_from: checkpoint to go on from.
        session: what is to stand in the manifest beside this session's times.

    Raises:
        Interrupted: the user stopped it. RunError: it failed; the manifest says why.
    """
    settings = config.read_config(record.config)
    started = time.time()
    session = {"started": _stamp(started), "resumed": resume_from is not None, **(session or {})}
    console = ResultConsole(settings)
    record.manifest.pop("error", None)  # of an earlier session
    record.write_manifest(status="running", tracking_id=tracker.run_id)
    try:
        with together(record, settings, data, resume_from) as group:
            log = EpochLog(tracker, console)
            trainer = build_trainer(settings, record, log)
            session["device"] = device_name(trainer)
            console.begin(record.folder, data, module, session["device"], resumed=resume_from is not None)
            with doing(log.describe):
                fit(trainer, module, data, resume_from)
            session["fit_seconds"] = round(time.time() - started, 2)
            _finish(record, data, module, trainer, tracker, console, group)
    except BaseException as error:
        raised = note_end(record, error)
        raise raised from (None if isinstance(raised, Interrupted) else error)
    finally:
        session["seconds"] = round(time.time() - started, 2)
        record.manifest["sessions"].append(session)
        tracker.close(record.manifest["status"] == "finished")
        noted = record.manifest.setdefault("warnings", [])
        noted += [warning for warning in tracker.warnings if warning not in noted]  # of the very end
        write_if_possible(record)


def _finish(
    record: Record,
    data: FERDataModule,
    module: FERModule,
    trainer: L.Trainer,
    tracker: tracking.Tracker,
    console: ResultConsole,
    group: Together,
) -> None:
    """Score the selected checkpoint on validation, then once on test, and on train if asked; write and show that."""
    settings = config.read_config(record.config)
    best = record.checkpoints / "best.ckpt"
    train_accuracy = float(trainer.callback_metrics.get("train/accuracy", 0.0))
    broken_at_the_end = list(module.faults)
    selected = read_checkpoint(best)
    module.load_state_dict(selected["state_dict"])
    reported = "test" if settings.run.test else "val"
    scores, answers, datasets, copies, majority, faults = {}, {}, {}, {}, {}, []
    passes = {}
    targets: dict[str, dict[str, Any]] = {}  # the scores on other datasets, under protocol cross_dataset
    for split in scored_splits(settings):
        with doing(f"scoring {split}"):
            passes[split] = score_pass(split, trainer, module, data)
    group.part()  # the rest is process 0's
    for split, (predictions, network_faults) in passes.items():
        rows = data.rows(split)
        check_pairing(predictions, rows, data.table.label[rows])
        found = score_split(predictions, data, network_faults, split=split)
        scores[split] = found.scores
        if split != "train":
            targets, shown = found.targets, found.predictions
            faults += [f"{split}: {fault}" for fault in found.faults]
        record.manifest["warnings"] += [said for said in found.warnings if said not in record.manifest["warnings"]]
        answers[split] = (data.source_names(predictions.index), predictions)
        if found.datasets is not None:
            datasets[split] = found.datasets
        if found.copies is not None:
            copies[split] = found.copies
        if found.majority is not None:
            majority[split] = found.majority
        warning = find_wrong_pairing(scores[split], train_accuracy)
        if warning:
            record.manifest["warnings"].append(f"{split}: {warning}")
    if broken_at_the_end and not faults:
        record.manifest["warnings"].append(f"after the last epoch: {'; '.join(broken_at_the_end)}")
    # A network that has broken down gives scores all the same; the paper's claims are not compared with them.
    claimed = [] if faults else claims_beside(record.manifest, settings, scores)
    gap = score_differences(scores["train"], scores[reported]) if "train" in scores else None
    record.metrics = {**scores, "claims": claimed, "not_a_result": faults, **({"targets": targets} if targets else {})}
    record.metrics |= {"generalisation_gap": gap} if gap else {}
    subjects, sequences = (
        {} if column is None else {split: column[answers[split][1].index].tolist() for split in answers}
        for column in (data.table.subject, data.table.sequence)
    )
    record.write_predictions(answers, list(data.classes), datasets, copies, majority, subjects, sequences)
    record.write_metrics()
    summary = {
        "best_epoch": int(selected["epoch"]) + 1,
        "epochs": trainer.current_epoch,
        "split_hash": data.split_hash,
        "fingerprint": data.fingerprint,
        "seed": settings.seed,
        "not_a_result": "; ".join(faults),
        **{f"target/{name}/accuracy": one["accuracy"] for name, one in targets.items()},
        **{f"target/{name}/balanced_accuracy": one["balanced_accuracy"] for name, one in targets.items()},
    }
    names = data.source_names(shown.index)
    # train/accuracy is that of an epoch, in training mode, in every logger
    logged = {"train_eval" if split == "train" else split: one for split, one in scores.items()}
    tracker.log_result(lambda: build_result(logged, shown, data.row_images, names, data.classes, summary))
    tracker.log_checkpoint(best)
    record.write_manifest(status="finished", test_opened=list(data.test_openings), **summary)
    with doing("drawing figures"):
        pictures, not_drawn = draw_at_end(record, data, module.network)
    tracker.log_figures(pictures)
    record.manifest["warnings"] += not_drawn + tracker.warnings  # written with the session, at the very end
    print_result(
        console.console,
        scores,
        claimed,
        header(record),
        record.manifest["assumed"],
        record.manifest["warnings"],
        faults,
        gap=gap,
    )
    if targets:
        print_targets(console.console, targets)
    console.say(f"recorded in {record.folder}")


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
