"""Measure the effect of a flawed protocol: two protocols with the same budget, and the difference of their scores.

With one training per side, the interval is that of the test images. With several seeds there is a second interval, that
of retraining. The two are never mixed.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments.begun_folder import BegunRuns, begun_folder
from fer_plugins.experiments.cells import Cell, in_process, run_cells
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.manifest import title_of
from fer_plugins.runs.record import write_atomically
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.runtime.notices import code_of
from fer_plugins.runtime.plain_values import shell_word
from fer_plugins.training.arithmetic import refuse_auto
from fer_plugins.training.build import build_data, check_machine
from fer_protocol_bias import differences
from fer_protocol_bias.differences import compare_predictions
from fer_protocol_bias.plan import SIDES, Plan, Samples, Split, deciding, locate, moved_split, split, use_cut_split
from fer_protocol_bias.trained_side import Side


def compare_networks(
    plans: Sequence[Plan], folder: Path, say: Callable[[str], None] = print
) -> dict[str, dict[str, Any]]:
    """Compare the protocols for one or more networks; return plug-in -> result of :func:`compare`.

    With several plans, each has its own folder in ``folder``, and ``inflation.json`` in ``folder`` holds all results.
    Raises InputError as :func:`compare`, for the first plug-in; RunError if a plug-in failed (the others are finished);
    Interrupted if the user stopped it.
    """
    if len(plans) == 1:
        return {plans[0].plugin: compare(plans[0], folder, say)}
    for plan in plans:  # wrong names and options are found before the first network is trained
        for side in SIDES:
            plan.resolve(side)
    results: dict[str, dict[str, Any]] = {}
    failed, trained = [], 0
    for plan in plans:
        say(f"{plan.plugin}:")
        try:
            results[plan.plugin] = compare(plan, folder / plan.plugin, say, out=folder, before=trained)
            trained += 2 * len(results[plan.plugin]["seeds"])
        except Interrupted:
            raise
        except (InputError, RunError) as error:
            if isinstance(error, InputError) and plan is plans[0]:
                raise
            failed.append(f"{plan.plugin}: {error}")
            continue
        write_atomically(folder / "inflation.json", json.dumps({"networks": results}, indent=2) + "\n")
    if failed:
        raise RunError("; ".join(failed))
    return results


def compare(
    plan: Plan, folder: Path, say: Callable[[str], None] = print, *, out: Path | None = None, before: int = 0
) -> dict[str, Any]:
    """Train both sides for every seed; write ``inflation.json`` and return its content.

    Every split is made before anything is trained. If the training splits differ in size, the larger is cut to the size
    of the smaller, class by class, for each seed; the run then reads its split from a file in ``folder/splits``. With
    ``data.balance augment``, which changes the sizes again, nothing is cut, and ``budget.same`` records whether the
    sizes are equal. An interrupted comparison continues in its folder: finished trainings are kept, and seeds may be
    added.

    Args:
        plan: the comparison.
        folder: a new folder, or that of the same comparison; gets ``inflation.json``, complete after each seed, and
            ``runs``.
        say: function that prints a line per training.
        out: folder given on the command line, if it is another; used in messages.
        before: number of finished trainings of other networks, for the message of an interruption.

    Raises:
        InputError: the configuration, a protocol, the data or the folder do not fit; nothing was trained or written.
        RunError: a training failed; the others are finished.
        Interrupted: the user stopped it.
    """
    settings = {side: plan.resolve(side).config for side in SIDES}
    _check(settings)
    samples = _read(settings["sound"])
    splits = {
        side: [split(plan.resolve(side, number).config, samples.table, plan.every_fold) for number in range(plan.seeds)]
        for side in SIDES
    }
    first_splits = {side: splits[side][0] for side in SIDES}
    report = _begin(plan, settings, first_splits, samples)
    sides: list[Side] = []  # in the order in which they are run
    failed: dict[str, str] = {}  # label of a training -> reason
    place = shell_word(out or folder)

    def cells(runs: BegunRuns) -> Iterator[Cell]:
        for number in range(plan.seeds):
            pair = {side: splits[side][number] for side in SIDES}
            size = min(len(fold.train) for split_of_side in pair.values() for fold in split_of_side.folds)
            for side in SIDES:
                if side == "sound" and sides[-1].label in failed:
                    continue  # nothing to compare with
                sides.append(_prepare(plan, side, number, pair[side], size, samples, folder))
                yield runs.cell(sides[-1].label, sides[-1].resolved)

    identity = deciding(plan, settings, first_splits, samples)
    with begun_folder(folder, identity, "comparison"), reading_once():
        begun = BegunRuns(folder / "runs", lambda split_of_side: locate(split_of_side, folder))
        execute = in_process(run, lambda record: resume(record.folder, moved_split(record, folder)))
        try:
            for outcome in run_cells(cells(begun), execute, silent=True):  # one line per training is enough
                side = sides[-1]
                if outcome.error is not None:
                    failed[side.label] = str(outcome.error)
                    say(f"{side.label} failed: {outcome.error}")
                    continue
                side.read_outcome(outcome, samples.table)
                _note(report, side)
                say(side.summary() + (", finished already" if outcome.cell.finished else ""))
                if side.name == "sound":
                    report["seeds"].append(_compare_sides(*sides[-2:]))
                    report["budget"]["same"] &= len({*sides[-2].row["train"], *side.row["train"]}) == 1
                    _write(report, folder)
        except Interrupted:
            trained = before + len(sides) - 1 - len(failed)
            raise Interrupted(
                f"interrupted, finished trainings: {trained}; continue with the same command and --out {place}"
            ) from None
        rows = report["seeds"]
        if len(rows) > 1:
            report["over_seeds"] = {
                name: differences.means(*([row[side][name] for row in rows] for side in SIDES)) for name in HEADLINE
            }
        report |= {"status": "failed" if failed else "finished", "failed": failed}
        _write(report, folder)
    if failed:
        reasons = "; ".join(f"{label}: {reason}" for label, reason in failed.items())
        raise RunError(f"{reasons}; the other trainings are finished, continue with the same command and --out {place}")
    return report


def _check(settings: Mapping[str, config.RunConfig]) -> None:
    """Reject what would make the comparison empty or unfair, before the data are read."""
    refuse_auto(settings["sound"])
    flawed, sound = (settings[side].protocol for side in SIDES)
    if flawed == sound:
        raise InputError(f"--against: is {sound.name} with the options of --protocol; there is nothing to compare")
    if not settings["sound"].run.test:
        raise InputError("run.test: is false, but the test scores are what is compared; leave it out")


def _read(settings: config.RunConfig) -> Samples:
    """Read the images once, for all splits of their table; the runs read them again, from the cache."""
    unlimited = replace(
        settings,
        run=replace(settings.run, fold=0),
        data=replace(settings.data, balance="none", balance_to=None),  # the original table of the release
    )
    with quiet(settings), contextlib.redirect_stdout(sys.stderr):
        check_machine(settings)
        data = build_data(unlimited)
    return Samples(data.table, data.classes, title_of(data), data.fingerprint)


def _begin(
    plan: Plan, settings: Mapping[str, config.RunConfig], splits: Mapping[str, Split], samples: Samples
) -> dict[str, Any]:
    """Return the content of ``inflation.json`` before the first training."""
    sound = settings["sound"]
    protocols = {}
    for side, split_of_side in splits.items():
        section = {name: value for name, value in settings[side].protocol.as_dict().items() if name != "seed"}
        protocols[side] = {
            **section,
            "flaw": split_of_side.flaw,
            "folds": split_of_side.offered,
            "folds_run": split_of_side.numbers,
        }
    warnings = []
    if sound.data.balance == "oversample":
        warnings.append("data.balance oversample: an epoch is as long as the largest class asks for, on either side")
    if sound.selection.patience is not None:
        warnings.append("selection.patience: the two sides may stop after different numbers of epochs")
    data = {"name": sound.data.name, "limit": sound.data.limit, "balance": sound.data.balance}
    return {
        "status": "running",
        "plugin": plan.plugin,
        "recipe": plan.recipe,
        "data": {**data, "title": samples.title, "fingerprint": samples.fingerprint},
        "budget": {"epochs": sound.trainer.epochs, "batch_size": sound.data.batch_size, "same": True},
        "protocols": protocols,
        "seeds": [],
        "over_seeds": None,
        "not_a_result": [],
        "warnings": warnings,
    }


def _prepare(
    plan: Plan, side: str, number: int, split_of_side: Split, size: int, samples: Samples, folder: Path
) -> Side:
    """Resolve one training on at most ``size`` images per fold; write its split if it is cut."""
    resolved = plan.resolve(side, number)
    settings, name = resolved.config, resolved.config.protocol.name
    seeds = {"seed": settings.seed, "protocol_seed": settings.protocol.seed}
    several = plan.every_fold and split_of_side.offered > 1
    output = replace(settings.run, output=str(folder / "runs"), fold=None if several else split_of_side.numbers[0])
    settings = replace(settings, run=output)
    cut_from = None
    if split_of_side.largest > size and settings.data.balance != "augment":
        path = folder / "splits" / f"{side}-s{settings.seed}.json"
        path.unlink(missing_ok=True)  # of an earlier call: the same split
        settings = use_cut_split(settings, split_of_side, size, samples, path)
        cut_from = [len(fold.train) for fold in split_of_side.folds]
    return Side(side, replace(resolved, config=settings), name, seeds, cut_from)


def _compare_sides(flawed: Side, sound: Side) -> dict[str, Any]:
    """Return the row of one seed."""
    copies_of_sides = [copies for side in (flawed, sound) if (copies := side.copies()) is not None]
    copies = set().union(*copies_of_sides) if copies_of_sides else None
    classes = len(sound.record.manifest["data"]["classes"])
    compared = compare_predictions(flawed.test_predictions, sound.test_predictions, classes, copies)
    return {**sound.seeds, "flawed": flawed.row, "sound": sound.row, **compared}


def _note(report: dict[str, Any], side: Side) -> None:
    """Collect faults and warnings, except warnings about leaks, which have their own table."""
    for record in side.folds:
        report["not_a_result"] += [f"{side.label}: {fault}" for fault in record.metrics["not_a_result"]]
        warnings = [f"{side.protocol}: {text}" for text in record.manifest["warnings"] if code_of(text) != "leaks"]
        report["warnings"] += [text for text in dict.fromkeys(warnings) if text not in report["warnings"]]


def _write(report: Mapping[str, Any], folder: Path) -> None:
    write_atomically(folder / "inflation.json", json.dumps(report, indent=2) + "\n")
