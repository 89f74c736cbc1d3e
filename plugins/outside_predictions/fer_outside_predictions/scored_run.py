"""Makes the folder of a run from predictions that other code made."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_outside_predictions.class_order import find_better_order, find_class, name_columns
from fer_outside_predictions.matching import match_rows
from fer_outside_predictions.read_file import read_predictions
from fer_outside_predictions.table import PredictionTable
from fer_outside_predictions.values import to_probabilities
from fer_plugins import config
from fer_plugins.analysis.claims import Claims, read_claims
from fer_plugins.analysis.claims.claims_beside import compare, for_run
from fer_plugins.config import registry
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.read_once import reading_once
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runs.elsewhere import KEY, LABEL, caveat
from fer_plugins.runs.evaluation_file import hash_file
from fer_plugins.runs.manifest import claims_model_of, describe_data, header
from fer_plugins.runs.record import Record, check_output, create_folder, recipe_of
from fer_plugins.runs.result_table import print_result, result_console
from fer_plugins.runs.versions import git_revision, versions
from fer_plugins.runtime.activity import doing
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice
from fer_plugins.training.build import build_data
from fer_plugins.training.score_split import PartScores, score_split

DISTRIBUTION = "fer-outside-predictions"
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Request:
    """What is to be scored, and what the user says of it.

    Attributes:
        file: of predictions.
        flags: nested settings of the sections data and protocol.
        split: "test" or "val".
        classes: the order of the columns; None: as the file names them.
        values: "probabilities" or "logits"; None: as the file says or shows.
        match: "order", "name" or "digest"; None: by what the file has.
        name: what the network is called; None: as the file.
        claims: the architecture whose paper's claims stand beside; None: none.
        seed: of the training; None: not known.
        fold: of the protocol; None: it has one.
        output: the folder for runs.
    """

    file: Path
    flags: Mapping[str, Any]
    split: str = "test"
    classes: Sequence[str] | None = None
    values: str | None = None
    match: str | None = None
    name: str | None = None
    claims: str | None = None
    seed: int | None = None
    fold: int | None = None
    output: str = "runs"


def score_file(request: Request, say: Callable[[str], None]) -> Record:
    """Score a file of predictions, write a run's folder, and print the result.

    Args:
        request: what is to be scored.
        say: takes a line on what was written.

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
    settings = config.resolve_data(request.flags, name)
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
    predictions, origin, notes = _pair(table, data, request)
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
        *_doubts(predictions, scored, data, origin["columns"]),
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


def _pair(
    table: PredictionTable, data: FERDataModule, request: Request
) -> tuple[Predictions, dict[str, Any], list[str]]:
    """Return the predictions of the split beside their labels, where they come from, and what is to be said of them."""
    rows = data.rows(request.split)
    columns = name_columns(table, data.classes, request.classes)
    values, kind, notes = to_probabilities(table, request.values)
    digests = data.table.digest
    assert digests is not None
    order, matched_by = match_rows(table, request.split, data.source_names(rows), digests[rows].tolist(), request.match)
    if matched_by == "order":
        notes.append(f"rows are matched with the images of {request.split} by their order; names or digests prove it")
    if request.classes and table.names and tuple(find_class(name, data.classes) for name in table.names) != columns:
        notes.append(f"the file names its columns {', '.join(table.names)}; --classes says {', '.join(columns)}")
    if table.unused:
        notes.append(f"columns that are not used: {', '.join(table.unused)}")
    place = [columns.index(name) for name in data.classes]
    probabilities = values[order][:, place]
    label, predicted = data.table.label[rows], probabilities.argmax(1)
    _check_column(table, "true", order, label, data.classes, columns)
    best = probabilities == probabilities.max(1, keepdims=True)
    ties = int((best.sum(1) > 1).sum())
    if ties:
        notes.append(f"{ties:,} images have two largest values; the first in the order of the labels counts")
    else:
        _check_column(table, "predicted", order, predicted, data.classes, columns)
    own = np.maximum(probabilities[np.arange(len(rows)), label], np.finfo(np.float64).tiny)
    predictions = Predictions(rows, label, predicted, probabilities, -np.log(own), int((predicted == label).sum()))
    origin = {
        "file": request.file.name,
        "sha256": hash_file(request.file),
        "format": table.form,
        "values": kind,
        "matched_by": matched_by,
        "columns": list(columns),
        "claims_of": request.claims,
        "seed": request.seed,
    }
    return predictions, origin, notes


def _check_column(
    table: PredictionTable, role: str, order: Labels, wanted: Labels, classes: Sequence[str], columns: Sequence[str]
) -> None:
    """Hold a column of classes to what the labels or the values say.

    Args:
        table: of the file.
        role: "true" or "predicted".
        order: (N,) the row of each image.
        wanted: (N,) the class that the column must have of each image.
        classes: in label order.
        columns: the class of each column, which the numbers 0, 1, 2, ... mean.

    Raises:
        InputError: the column names no class, or another one.
    """
    words = table.column(role)
    if words is None:
        return
    meanings: dict[str, str | None] = {word: find_class(word, classes) for word in dict.fromkeys(words)}
    meanings |= {word: columns[int(word)] for word in meanings if word.isdecimal() and int(word) < len(columns)}
    for row, place in zip(order.tolist(), wanted.tolist(), strict=True):
        if meanings[words[row]] != classes[place]:
            what = "the dataset's label" if role == "true" else "the column with the largest value"
            raise InputError(
                f"{table.path}: row {row + 1} has {role} {words[row]}, but {what} is {classes[place]}: the rows or the "
                "columns are in another order; correct it, or remove the column to score the file as it stands"
            )


def _doubts(predictions: Predictions, scored: PartScores, data: FERDataModule, columns: Sequence[str]) -> list[str]:
    """Return what speaks against the order of the columns or of the rows."""
    doubts = list[str]()
    better = find_better_order(predictions.label, predictions.predicted, len(data.classes))
    if better is not None:
        correct = int((better[predictions.predicted] == predictions.label).sum())
        order = [data.classes[better[data.classes.index(name)]] for name in columns]
        text = (
            f"another order of the classes would score better: accuracy {correct / len(predictions):.4f} and not "
            f"{scored.scores['accuracy']:.4f}, with --classes {','.join(order)}; the columns are taken for "
            f"{','.join(columns)}. The code that made the file says which is right, not the score"
        )
        doubts.append(Notice("class_order", text, {"order": order}))
    kappa = (scored.scores.get("intervals") or {}).get("kappa")
    if kappa and kappa["low"] <= 0:
        text = "no better than chance: the rows may be in another order than the images; match them by name"
        doubts.append(Notice("row_order", f"predictions and labels agree {text}", {"kappa": kappa}))
    return doubts


def _read_claims(plugin: str | None) -> Claims | None:
    """Return the claims of the paper that was named."""
    if plugin is None:
        return None
    path = registry.package_file(registry.find("architecture", plugin), "claims.yaml")
    if not path.exists():
        raise InputError(f"--claims: {plugin} has no claims.yaml; name another plug-in, or leave it out")
    return read_claims(path)


def _write(
    record: Record,
    settings: config.RunConfig,
    manifest: dict[str, Any],
    claims: list[dict[str, Any]],
    scored: PartScores,
    data: FERDataModule,
    split: str,
) -> None:
    """Write the files of the run; the manifest, which says that it is finished, last."""
    record.checkpoints.rmdir()  # there is no network
    known = settings.as_dict()
    record.config = {"model": {"name": known["model"]["name"]}, **{key: known[key] for key in ("data", "protocol")}}
    record.write_config(config.dump(record.config))
    record.metrics = {split: scored.scores, "claims": claims, "not_a_result": scored.faults, KEY: True}
    copies, majority = ({split: column} if column else None for column in (scored.copies, scored.majority))
    sources = data.source_names(scored.own.index)
    record.write_predictions({split: (sources, scored.own)}, list(data.classes), None, copies, majority)
    record.write_metrics()
    record.write_manifest(**manifest)


def _version() -> str:
    from importlib import metadata

    return metadata.version(DISTRIBUTION)
