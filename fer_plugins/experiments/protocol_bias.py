"""The price of a flawed protocol: two protocols on one budget, and the difference of their test scores.

One training on each side: the interval is that of the tested images. Several seeds: a second interval, that of training
again. The two are never mixed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_plugins import config
from fer_plugins.analysis import differences
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments.cells import Cell, run_cells
from fer_plugins.experiments.equal_training import Samples, Split, split, use_cut_split
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.run import run
from fer_plugins.experiments.trained_side import Side, tested_samples
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.manifest import title_of
from fer_plugins.runs.record import write_atomically
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import code_of
from fer_plugins.training.build import build_data, check_machine

SIDES = ("flawed", "sound")


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
        settings = resolved.config
        protocol = replace(settings.protocol, seed=settings.protocol.seed + number)
        return replace(resolved, config=replace(settings, seed=settings.seed + number, protocol=protocol))


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
    sides: list[Side] = []  # as they are run

    def cells() -> Iterator[Cell]:
        for number in range(plan.seeds):
            one_seed = {side: splits[side][number] for side in SIDES}
            size = min(len(fold.train) for own in one_seed.values() for fold in own.folds)
            for side in SIDES:
                sides.append(_prepare(plan, side, number, one_seed[side], size, samples, folder))
                yield Cell(f"seed {number}, {side}", sides[-1].resolved)

    try:
        with reading_once():
            for outcome in run_cells(cells(), run, silent=True):  # a line a training says enough
                if outcome.record is None:
                    assert outcome.error is not None
                    raise outcome.error
                sides[-1].take(outcome, samples.table)
                _note(found, sides[-1])
                say(sides[-1].sentence())
                if len(sides) % len(SIDES) == 0:
                    found["seeds"].append(_compare_sides(*sides[-len(SIDES) :]))
                    found["budget"]["same"] &= len({*sides[-2].row["train"], *sides[-1].row["train"]}) == 1
                    _write(found, folder)
    except InputError:
        if not any((folder / "runs").glob("*/metrics.json")):
            shutil.rmtree(folder)
        raise
    rows = found["seeds"]
    if plan.seeds > 1:
        found["over_seeds"] = {
            name: differences.means(*([row[side][name] for row in rows] for side in SIDES)) for name in HEADLINE
        }
    found["status"] = "finished"
    _write(found, folder)
    return found


def _check(settings: Mapping[str, config.RunConfig]) -> None:
    """Refuse what would make the comparison empty, before the data are read."""
    flawed, sound = (settings[side].protocol for side in SIDES)
    if flawed == sound:
        raise InputError(f"--against: is {sound['name']} with the options of --protocol; there is nothing to compare")
    if not settings["sound"].run.test:
        raise InputError("run.test: is false, but the test scores are what is compared; leave it out")


def _read(settings: config.RunConfig) -> Samples:
    """Read the images once, for every split to be made of their table; the runs read them again, from the cache."""
    whole = replace(
        settings,
        run=replace(settings.run, fold=0),
        data=replace(settings.data, balance="none", balance_to=None),  # the table as the release has it
    )
    with quiet(settings), contextlib.redirect_stdout(sys.stderr):
        check_machine(settings)
        data = build_data(whole)
    return Samples(data.table, data.classes, title_of(data), data.fingerprint)


def _begin(
    plan: Plan, settings: Mapping[str, config.RunConfig], splits: Mapping[str, Split], samples: Samples
) -> dict[str, Any]:
    """Return the content of ``inflation.json`` before the first training."""
    one = settings["sound"]
    protocols = {}
    for side, own in splits.items():
        named = {name: value for name, value in settings[side].protocol.items() if name != "seed"}
        protocols[side] = {**named, "flaw": own.flaw, "folds": own.offered, "folds_run": own.numbers}
    warnings = []
    if one.data.balance == "oversample":
        warnings.append("data.balance oversample: an epoch is as long as the largest class asks for, on either side")
    if one.selection.patience is not None:
        warnings.append("selection.patience: the two sides may stop after different numbers of epochs")
    return {
        "status": "running",
        "plugin": plan.plugin,
        "recipe": plan.recipe,
        "data": {
            **{name: one.data[name] for name in ("name", "limit", "balance")},
            "title": samples.title,
            "fingerprint": samples.fingerprint,
        },
        "budget": {"epochs": one.trainer.epochs, "batch_size": one.data.batch_size, "same": True},
        "protocols": protocols,
        "seeds": [],
        "over_seeds": None,
        "not_a_result": [],
        "warnings": warnings,
    }


def _prepare(plan: Plan, side: str, number: int, own: Split, size: int, samples: Samples, folder: Path) -> Side:
    """Resolve one training on at most ``size`` images a fold; write its split where that is cut."""
    resolved = plan.resolve(side, number)
    settings, name = resolved.config, resolved.config.protocol.name
    seeds = {"seed": settings.seed, "protocol_seed": settings.protocol.seed}
    several = plan.every_fold and own.offered > 1
    output = replace(settings.run, output=str(folder / "runs"), fold=None if several else own.numbers[0])
    settings = replace(settings, run=output)
    cut = own.largest > size and settings.data.balance != "augment"
    if cut:
        settings = use_cut_split(settings, own, size, samples, folder / "splits" / f"{side}-s{settings.seed}.json")
    cut_from = [len(fold.train) for fold in own.folds] if cut else None
    return Side(replace(resolved, config=settings), name, seeds, cut_from)


def _compare_sides(flawed: Side, sound: Side) -> dict[str, Any]:
    """Return the row of one seed."""
    one, other = (np.array(side.record.metrics["test"]["confusion_matrix"]) for side in (flawed, sound))
    return {
        **sound.seeds,
        "flawed": flawed.row,
        "sound": sound.row,
        "tested_by_both": len({*tested_samples(flawed.record)} & {*tested_samples(sound.record)}),
        "differences": {"accuracy": differences.accuracy(one, other), "f1": differences.macro_f1(one, other)},
    }


def _note(found: dict[str, Any], side: Side) -> None:
    """Collect faults, and warnings but for those of leaks, which stand in a table of their own."""
    for record in side.each:
        where = f"seed {side.seeds['seed']}, {side.protocol}"
        found["not_a_result"] += [f"{where}: {fault}" for fault in record.metrics["not_a_result"]]
        given = [f"{side.protocol}: {one}" for one in record.manifest["warnings"] if code_of(one) != "leaks"]
        found["warnings"] += [one for one in dict.fromkeys(given) if one not in found["warnings"]]


def _write(found: Mapping[str, Any], folder: Path) -> None:
    write_atomically(folder / "inflation.json", json.dumps(found, indent=2) + "\n")
