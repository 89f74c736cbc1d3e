"""Create a run folder from predictions made by other code."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fer_outside_predictions.pairing import Request, find_doubts, pair
from fer_outside_predictions.read_file import read_predictions
from fer_plugins.analysis.claims import Claims, read_claims
from fer_plugins.analysis.claims.claims_beside import compare, for_run
from fer_plugins.config import RunConfig, dump, registry, resolve_data
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.read_once import reading_once
from fer_plugins.runs.elsewhere import KEY, LABEL, caveat
from fer_plugins.runs.manifest import claims_model_of, describe_data, header
from fer_plugins.runs.record import Record, check_output, create_folder, recipe_of
from fer_plugins.runs.result_table import print_result, result_console
from fer_plugins.runs.versions import git_revision, versions
from fer_plugins.runtime.activity import doing
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data
from fer_plugins.training.score_split import SplitScores, score_split

DISTRIBUTION = "fer-outside-predictions"


def score_file(request: Request, say: Callable[[str], None]) -> Record:
    """Score a file of predictions, write a run's folder, and print the result.

    Raises:
        InputError: the file, the data or an option is wrong; nothing was written.
        RunError: the folder cannot be written.
    """
    table = read_predictions(request.file).of_split(request.split)
    name = request.name or request.file.stem
    if name in {component.name for component in registry.available("architecture")}:
        raise InputError(
            f"--name: {name} is an installed architecture, and this network was not trained with it; give another, "
            f"such as --name {name}_elsewhere"
        )
    described = recipe_of(request.claims)[1] if request.claims else {}
    file = _read_claims(request.claims)
    check_output(request.output, "--out", "--out FOLDER")
    settings = resolve_data(request.flags, name)
    if settings.data.targets:
        raise InputError("data.targets: a file of predictions is of one dataset; score each by itself with --data NAME")
    run = replace(settings.run, output=request.output, fold=request.fold or 0)
    settings = replace(settings, seed=request.seed or 0, run=run)
    with reading_once(), doing(f"reading {settings.data.name}"):
        data = build_data(settings)
    if data.fold_count > 1 and request.fold is None:
        raise InputError(
            f"protocol {settings.protocol.name} has {data.fold_count} folds; say of which the predictions are: --fold 0"
        )
    if request.split == "test":
        data.open_test(f"predictions of {request.file.name}, {LABEL}, are scored")
    predictions, origin, notes = pair(table, data, request)
    with doing(f"scoring {request.split}"):
        scored = score_split(predictions, data, [], split=request.split)
    manifest: dict[str, Any] = {
        "status": "finished",
        "command": sys.argv,
        "plugin": {"name": name, "distribution": DISTRIBUTION, "version": _version()},
        KEY: origin,
        "paper": described.get("paper"),
        "claims_model": claims_model_of(described, None),
        "assumed": {},
        "demonstration": False,
        "versions": versions(DISTRIBUTION),
        "git": git_revision(),
        **describe_data(settings, data),
        "reported_on": request.split,
        "seeds": {"run": settings.seed, "protocol": settings.protocol.seed},
        "sessions": [],
        "test_opened": list(data.test_openings),
        "split_hash": data.split_hash,
        "fingerprint": data.fingerprint,
    }
    manifest["warnings"] = [
        caveat(manifest),
        *notes,
        *find_doubts(predictions, scored, data, origin["columns"]),
        *scored.warnings,
    ]
    manifest["warnings"] += [warning for warning in data.warnings if warning not in manifest["warnings"]]
    manifest["not_a_result"] = "; ".join(scored.faults)
    beside: list[dict[str, Any]] = []
    if file is not None and not scored.faults:
        beside = compare(
            for_run(file, manifest["claims_model"], manifest["data"]["title"]),
            {request.split: scored.scores},
            settings.protocol.name,
            [caveat(manifest)],
            release_splits=manifest["data"]["release_parts"],
            own=file.aliases,
        )
    record = Record(create_folder(settings), settings.as_dict())
    try:
        _write(record, settings, manifest, beside, scored, data, request.split)
    except BaseException:
        shutil.rmtree(record.folder)
        raise
    print_result(
        result_console(),
        {request.split: scored.scores},
        beside,
        header(record),
        {},
        record.manifest["warnings"],
        scored.faults,
    )
    say(f"recorded in {record.folder}")
    return record


def _read_claims(plugin: str | None) -> Claims | None:
    """Return the claims of the paper of a plug-in."""
    if plugin is None:
        return None
    path = registry.package_file(registry.find("architecture", plugin), "claims.yaml")
    if not path.exists():
        raise InputError(f"--claims: {plugin} has no claims.yaml; name another plug-in, or leave it out")
    return read_claims(path)


def _write(
    record: Record,
    settings: RunConfig,
    manifest: dict[str, Any],
    claims: list[dict[str, Any]],
    scored: SplitScores,
    data: FERDataModule,
    split: str,
) -> None:
    """Write the files of the run; last the manifest, which marks it as finished."""
    record.checkpoints.rmdir()  # there is no network
    values = settings.as_dict()
    record.config = {"model": {"name": values["model"]["name"]}, **{key: values[key] for key in ("data", "protocol")}}
    record.write_config(dump(record.config))
    record.metrics = {split: scored.scores, "claims": claims, "not_a_result": scored.faults, KEY: True}
    rows = scored.predictions.index
    columns = {"copy": scored.copies, "majority": scored.majority}
    for name, column in (("subject", data.table.subject), ("sequence", data.table.sequence)):
        columns[name] = None if column is None else column[rows].tolist()
    by_split = {name: {split: column} for name, column in columns.items() if column}
    record.write_predictions({split: (data.source_names(rows), scored.predictions)}, list(data.classes), by_split)
    record.write_metrics()
    record.write_manifest(**manifest)


def _version() -> str:
    from importlib import metadata

    return metadata.version(DISTRIBUTION)
