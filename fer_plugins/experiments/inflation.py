"""The price of a flawed protocol: two protocols on one budget, and the difference of their test scores.

One training on each side: the interval is that of the tested images. Several seeds: a second interval, that of training
again. The two are never mixed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fer_plugins import config
from fer_plugins.analysis import differences
from fer_plugins.data.table import SampleTable
from fer_plugins.experiments.run import quiet, run
from fer_plugins.runs.equal_training import Samples, Split, split, use_cut_split
from fer_plugins.runs.manifest import title_of
from fer_plugins.runs.record import Record, write_atomically
from fer_plugins.runs.recorded_answers import RecordedAnswers
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data, check_machine

Config = dict[str, Any]
SIDES = ("flawed", "sound")
SCORES = ("accuracy", "f1")


@dataclass(frozen=True)
class Plan:
    """What is compared: everything but the protocol is the same on both sides."""

    plugin: str
    protocols: Mapping[str, Mapping[str, Any]]  # side -> section `protocol`: name, options, the same seed on both
    flags: Mapping[str, Any] = field(default_factory=dict)  # the other sections, as ``config.resolve`` takes them
    recipe: str | None = None
    files: tuple[str, ...] = ()
    seeds: int = 1  # trainings on each side, at least 1
    every_fold: bool = False  # else one: fold 0, or ``run.fold`` where the protocol has several

    def resolve(self, side: str, number: int = 0) -> config.Resolved:
        """Return the configuration of one side's training ``number``: run seed and protocol seed rise with it.

        Raises:
            InputError: what ``config.resolve`` refuses.
        """
        flags = {**self.flags, "protocol": self.protocols[side]}
        resolved = config.resolve(flags, plugin=self.plugin, recipe=self.recipe, files=list(self.files))
        resolved.config["seed"] += number
        resolved.config["protocol"]["seed"] += number
        return resolved


def compare(plan: Plan, folder: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Train both sides under every seed; write ``inflation.json`` and return its content.

    Every split is made before anything is trained. Where the training splits differ in size, the larger is cut to the
    size of the smaller, class by class, seed by seed; the run then has its split from a file in ``folder/splits``. With
    ``data.balance augment``, which changes the sizes once more, nothing is cut, and ``budget.same`` says how it ended.

    Args:
        plan: what is compared.
        folder: made here, must not exist; gets ``inflation.json``, whole after each seed, and the runs in ``runs``.
        say: takes a line a training.

    Raises:
        InputError: the configuration, a protocol or the data do not fit; nothing was trained, nothing is written.
        RunError: a training failed; those before it stay in ``folder``.
    """
    settings = {side: plan.resolve(side).config for side in SIDES}
    _check(settings)
    samples = _read(settings["sound"])
    splits = {
        side: [split(plan.resolve(side, number).config, samples.table, plan.every_fold) for number in range(plan.seeds)]
        for side in SIDES
    }
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise InputError(f"--out {folder}: is there already; give another folder") from None
    except OSError as error:
        raise InputError(f"--out {folder}: cannot be made: {error.strerror}") from None
    found = _begin(plan, settings, {side: splits[side][0] for side in SIDES}, samples)
    for number in range(plan.seeds):
        one_seed = {side: splits[side][number] for side in SIDES}
        try:
            found["seeds"].append(_train_both(plan, number, one_seed, samples, found, folder, say))
        except InputError:
            if not any((folder / "runs").glob("*/metrics.json")):
                shutil.rmtree(folder)
            raise
        _write(found, folder)
    rows = found["seeds"]
    if plan.seeds > 1:
        found["over_seeds"] = {
            name: differences.means(*([row[side][name] for row in rows] for side in SIDES)) for name in SCORES
        }
    found["status"] = "finished"
    _write(found, folder)
    return found


def _check(settings: Mapping[str, Config]) -> None:
    """Refuse what would make the comparison empty, before the data are read."""
    flawed, sound = (settings[side]["protocol"] for side in SIDES)
    if flawed == sound:
        raise InputError(f"--against: is {sound['name']} with the options of --protocol; there is nothing to compare")
    if not settings["sound"]["run"]["test"]:
        raise InputError("run.test: is false, but the test scores are what is compared; leave it out")


def _read(settings: Config) -> Samples:
    """Read the images once, for every split to be made of their table; the runs read them again, from the cache."""
    whole = {**settings, "run": {**settings["run"], "fold": 0}}
    whole["data"] = {**settings["data"], "balance": "none", "balance_to": None}  # the table as the release has it
    with quiet(settings), contextlib.redirect_stdout(sys.stderr):
        check_machine(settings)
        data = build_data(whole)
    return Samples(data.table, data.classes, title_of(data), data.fingerprint)


def _begin(plan: Plan, settings: Mapping[str, Config], splits: Mapping[str, Split], samples: Samples) -> dict[str, Any]:
    """Return the content of ``inflation.json`` before the first training."""
    one = settings["sound"]
    protocols = {}
    for side, own in splits.items():
        named = {name: value for name, value in settings[side]["protocol"].items() if name != "seed"}
        protocols[side] = {**named, "flaw": own.flaw, "folds": own.offered, "folds_run": own.numbers}
    warnings = []
    if one["data"]["balance"] == "oversample":
        warnings.append("data.balance oversample: an epoch is as long as the largest class asks for, on either side")
    if one["selection"]["patience"] is not None:
        warnings.append("selection.patience: the two sides may stop after different numbers of epochs")
    return {
        "status": "running",
        "plugin": plan.plugin,
        "recipe": plan.recipe,
        "data": {
            **{name: one["data"][name] for name in ("name", "limit", "balance")},
            "title": samples.title,
            "fingerprint": samples.fingerprint,
        },
        "budget": {"epochs": one["trainer"]["epochs"], "batch_size": one["data"]["batch_size"], "same": True},
        "protocols": protocols,
        "seeds": [],
        "over_seeds": None,
        "not_a_result": [],
        "warnings": warnings,
    }


def _train_both(
    plan: Plan,
    number: int,
    splits: Mapping[str, Split],
    samples: Samples,
    found: dict[str, Any],
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train both sides under one seed; return the seed's row, and add to what ``found`` says of all."""
    size = min(len(fold.train) for one in splits.values() for fold in one.folds)
    row: dict[str, Any] = {}
    records = []
    for side in SIDES:
        resolved, own = plan.resolve(side, number), splits[side]
        settings, name = resolved.config, resolved.config["protocol"]["name"]
        row |= {"seed": settings["seed"], "protocol_seed": settings["protocol"]["seed"]}
        several = plan.every_fold and own.offered > 1
        settings["run"].update(output=str(folder / "runs"), fold=None if several else own.numbers[0])
        cut = own.largest > size and settings["data"]["balance"] != "augment"
        if cut:
            use_cut_split(settings, own, size, samples, folder / "splits" / f"{side}-s{settings['seed']}.json")
        started = time.perf_counter()
        with open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence):  # a line a training says enough
            record = run(resolved)
        seconds = round(time.perf_counter() - started, 2)
        records.append(record)
        each = [Record.read(record.folder / one) for one in record.manifest.get("folds", ["."])]
        row[side] = _summary(record, each, samples.table, seconds)
        row[side]["cut_from"] = [len(fold.train) for fold in own.folds] if cut else None
        _note(found, each, name, settings["seed"])
        figures = ", ".join(f"{one} {row[side][one]:.4f}" for one in SCORES)
        images = " and ".join(f"{count:,}" for count in sorted(set(row[side]["train"])))
        say(f"seed {settings['seed']}, {name}, trained on {images} images: {figures}  {seconds:.1f} s")
    row["tested_by_both"] = len(set.intersection(*(set(_tested(record)) for record in records)))
    one, other = (np.array(record.metrics["test"]["confusion_matrix"]) for record in records)
    row["differences"] = {"accuracy": differences.accuracy(one, other), "f1": differences.macro_f1(one, other)}
    found["budget"]["same"] &= len({*row["flawed"]["train"], *row["sound"]["train"]}) == 1
    return row


def _summary(record: Record, each: list[Record], table: SampleTable, seconds: float) -> dict[str, Any]:
    scores = record.metrics["test"]
    sources = {str(source): row for row, source in enumerate(table.source)}
    tested = [sources[one if one in sources else one.rpartition("#")[0]] for one in _tested(record)]  # or its parent
    columns = {"subjects": table.subject, "sequences": table.sequence}
    return {
        "run": f"runs/{record.folder.name}",
        **{name: scores[name] for name in ("n", *SCORES, "absent_classes")},
        "train": [sum(one.manifest["data"]["counts"]["train"].values()) for one in each],
        "val": [sum(one.manifest["data"]["counts"]["val"].values()) for one in each],
        "tested": {name: len(np.unique(column[tested])) for name, column in columns.items() if column is not None},
        "epochs": [one.manifest["epochs"] for one in each],
        "split_hashes": [one.manifest["data"]["split_hash"] for one in each],
        "leaks": [one.manifest["data"]["leaks"] for one in each],
        "seconds": seconds,
    }


def _tested(record: Record) -> list[str]:
    return list(RecordedAnswers.read(record, record.manifest["data"]["classes"]).of("test").sources)


def _note(found: dict[str, Any], each: list[Record], protocol: str, seed: int) -> None:
    """Collect faults, and warnings but for those of leaks, which stand in a table of their own."""
    for record in each:
        found["not_a_result"] += [f"seed {seed}, {protocol}: {fault}" for fault in record.metrics["not_a_result"]]
        said = [f"{protocol}: {one}" for one in record.manifest["warnings"] if not one.startswith("the parts leak")]
        found["warnings"] += [one for one in dict.fromkeys(said) if one not in found["warnings"]]


def _write(found: Mapping[str, Any], folder: Path) -> None:
    write_atomically(folder / "inflation.json", json.dumps(found, indent=2) + "\n")
