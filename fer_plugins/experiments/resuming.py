"""Continues what was interrupted: a run, the folds of a protocol, or a series of seeds."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch.optim import lr_scheduler

from fer_plugins import config
from fer_plugins.analysis.claims.of_run import check_claims
from fer_plugins.config import registry
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments import folds, seeds
from fer_plugins.experiments.folder_lock import hold_folder
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.run import execute, read_data, run, train_fold
from fer_plugins.runs.begun_record import read_begun
from fer_plugins.runs.manifest import describe
from fer_plugins.runs.record import Record
from fer_plugins.runs.same_data import check_same_data
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word
from fer_plugins.training import tracking
from fer_plugins.training.build import build_data, build_module, check_machine
from fer_plugins.training.resume_point import find_last
from fer_plugins.training.threads import choose_threads

# Keys that do not affect the result: where the data are (their fingerprint is compared) and how fast it is computed.
# The device and the number of threads may change last bits, so every change is recorded. What is searched for in the
# data must stay as the run has recorded it.
_FREE = {key for key, declared in config.core_keys() if not declared.shapes_model} - {"data.leaks", "data.near_copies"}
_FREE |= {"protocol.file"}

Changes = dict[str, list[Any]]  # dotted key -> [old, new]


def resume(folder: str | Path, changes: Mapping[str, Any] | None = None) -> Record:
    """Continue an interrupted run from its last complete epoch, in its own folder, even if that was moved.

    For a run of a series (``fer-run --seeds``) the missing seeds are run as well.

    Args:
        folder: folder of the run.
        changes: nested values, as on the command line, of keys that do not affect the result, or a larger number of
            epochs.

    Returns:
        The record of the run.

    Raises:
        InputError: the folder is not that of a run, the run is finished, a change is not allowed, the checkpoint is
            damaged, or the data differ from those at the start of the run. Nothing was written.
        RunError: the run failed again.
    """
    record, flags = read_begun(folder), changes or {}
    if isinstance(record.manifest.get("series"), dict):
        series = seeds.Series(record)
        if not series.is_here():
            if record.manifest.get("status") != "finished":
                print("a copy of a seed's run, or away from the other seeds: it is continued alone", flush=True)
        elif not series.is_finished():
            settings, changes = change(record, flags)
            if "trainer.epochs" in changes and series.has_finished():
                raise InputError("--resume: trainer.epochs: seeds are finished with the old number; leave it out")
            series.resume(settings, run, lambda run: _resume_run(run.folder, flags))
            return Record.read(folder)
    return _resume_run(folder, flags)


def _resume_run(folder: str | Path, flags: Mapping[str, Any]) -> Record:
    with hold_folder(Path(folder)):
        return _go_on(read_begun(folder), flags)


def _go_on(record: Record, flags: Mapping[str, Any]) -> Record:
    folder = record.folder
    if record.manifest.get("status") == "finished":
        subject, pronoun = ("every fold", "them") if "folds" in record.manifest else ("this run", "it")
        remedy = f"repeat {pronoun} with --config {shell_word(folder)}/config.yaml"
        if "epochs" in str(flags.get("trainer")):
            remedy = (
                "its test split is opened, so train longer in another run: fer-run --config "
                f"{shell_word(folder)}/config.yaml --trainer.epochs {flags['trainer']['epochs']}"
            )
        raise InputError(f"--resume {folder}: {subject} is finished; {remedy}")
    settings, changes = change(record, flags)
    if "folds" in record.manifest:
        if "trainer.epochs" in changes and any(record.manifest["folds"]):
            raise InputError("--resume: trainer.epochs: folds are finished with the old number; leave it out")
        with quiet(settings), reading_once():
            check_machine(settings)
            check_claims(settings)
            tracking.check(settings)
            before = record.config
            if changes:
                _check_folds(record, settings)
                record.config = settings.as_dict()
                record.write_config(config.dump(settings))
            try:
                return folds.resume_all(record, train_fold, lambda fold: _resume_run(fold.folder, flags))
            except InputError:
                if changes:
                    record.write_config(config.dump(config.read_config(before)))
                raise
    with quiet(settings), reading_once():
        check_machine(settings)
        check_claims(settings)
        tracking.check(settings)
        data = read_data(settings)
        if not record.manifest and settings.run.fold is None and data.fold_count > 1:
            record.config = settings.as_dict()
            return folds.begin_in(record, data.fold_count, train_fold)
        if record.manifest:
            check_same_data(record, data.fingerprint, data.split_hash, f"--resume {shell_word(record.folder)}")
        module = build_module(settings, data)
        last, epochs, messages, lost = find_last(record, module)
        recorded = record.manifest.get("threads", {}).get("number") if last else None
        threads = choose_threads(settings, module.network, recorded)
        # Before anything is written, since a logger may fail to start.
        tracker = tracking.start(settings, record.folder, resume_id=record.manifest.get("tracking_id"))
        record.config = settings.as_dict()
        record.checkpoints.mkdir(exist_ok=True)
        if not record.manifest:  # killed before it was written
            record.write_manifest(**describe(settings, data, None))
        if changes:
            record.write_config(config.dump(settings))
        record.manifest["warnings"] += lost
        record.write_manifest(threads=threads._asdict())
        if settings.trainer.progress != "none":
            for line in messages + lost:
                print(line, flush=True)
        session = {"epochs_before": epochs, "changed": changes}
        execute(record, data, module, tracker, resume_from=last, session=session)
    return record


def _check_folds(record: Record, settings: config.RunConfig) -> None:
    """Check that a changed configuration reads the same data as the folds, before the change is written.

    Raises:
        InputError: the data differ.
    """
    data = build_data(replace(settings, run=replace(settings.run, fold=0)))
    for path in record.folder.glob("*/manifest.json"):
        fold = Record.read(path.parent)
        if fold.config["run"]["fold"] == 0 and "data" in fold.manifest:
            check_same_data(fold, data.fingerprint, data.split_hash, f"--resume {shell_word(fold.folder)}")


def change(record: Record, flags: Mapping[str, Any], kept_name: str = "") -> tuple[config.RunConfig, Changes]:
    """Return the configuration of a resumed or repeated run, and the changes by the user.

    Args:
        record: record of the run.
        flags: nested values from the command line.
        kept_name: for a repeated run, the kept record as named by the user.

    Raises:
        InputError: a key that affects the result would change, or the number of epochs would decrease or would change a
            schedule or callback that depends on it.
    """
    before = config.resolve(record.config).config
    merged = config.merge(before.as_dict(), config.Layer(flags, config.COMMAND_LINE), {})
    after = config.resolve(merged).config
    changes: Changes = {}
    old, new = dict(config.leaves(before.as_dict())), dict(config.leaves(after.as_dict()))
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            changes[key] = [old.get(key), new.get(key)]
    for key, (was, wanted) in changes.items():
        if kept_name and not _is_free(key):
            raise InputError(f"{kept_name}: {key} is {was!r} in the record and shapes its result; leave --{key} out")
        if key == "trainer.epochs":
            _check_epochs(before, was, wanted)
        elif not _is_free(key):
            raise InputError(
                f"--resume: {key} is {was!r} in this run and shapes its result; leave --{key} out, or begin another: "
                f"fer-run --config {shell_word(record.folder)}/config.yaml --{key} {json.dumps(wanted)}"
            )
    return after, changes


def _is_free(key: str) -> bool:
    parts = key.split(".")
    return key in _FREE or parts[0] == "logger" or (parts[:2] == ["data", "targets"] and parts[3:] == ["root"])


def _check_epochs(before: config.RunConfig, was: int, wanted: int) -> None:
    if wanted < was:
        raise InputError(f"--resume: trainer.epochs is {was} in this run and can only be raised; got {wanted}")
    for callback in before.callbacks:
        if registry.signature(registry.find("callback", callback.name)).named("epochs"):
            raise InputError(
                f"--resume: callback {callback.name} depends on the {was} epochs of this run; leave "
                "--trainer.epochs out, or begin another run"
            )
    name = before.scheduler.name
    made = getattr(lr_scheduler, name, None)
    spanned = [key for key in ("T_max", "total_steps") if made and key in inspect.signature(made).parameters]
    if spanned and spanned[0] not in before.scheduler.options:
        raise InputError(
            f"--resume: {name} spans the {was} epochs of this run, and would have another shape over {wanted}; leave "
            "--trainer.epochs out, or begin another run"
        )
