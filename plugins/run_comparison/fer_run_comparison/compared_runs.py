"""Compare runs: pairs of networks on the same samples, and pairs of models over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fer_plugins.analysis.seed_spread import Model, group_models, range_of, seed_interval
from fer_plugins.metrics.clusters import best_intervals
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.read_runs import FinishedRun, check_same_test
from fer_plugins.runs.remarks import list_remarks, name_fault
from fer_plugins.runs.without_copies import leave_out_copies
from fer_plugins.runtime.errors import InputError
from fer_run_comparison.class_tests import errors_by_class
from fer_run_comparison.comparison import choose_pairs, compare_models, compare_pairs
from fer_run_comparison.rows import name_run


def compare_runs(
    runs: Sequence[FinishedRun],
    *,
    classes: bool = False,
    median: float | None = None,
    evaluated: Sequence[str] = (),
    without_copies: bool = False,
) -> dict[str, Any]:
    """Compare runs that were scored on the same samples.

    Args:
        runs: at least two; one is enough with ``classes``.
        classes: also test whether the classes of each run are equally hard (``errors_by_class``).
        median: for those tests, the hypothetical median of the recalls; None: chance.
        without_copies: leave out images that have a copy in the training split of one of the runs.
        evaluated: names of figures in the runs' evaluations to compare as well (``evaluations_over_seeds``).

    Returns:
        Plain JSON types: ``split, target`` (None: the training dataset), ``n, copies_left_out`` (None: not requested),
        ``split_hashes, notes``; ``models`` [{letter, label, runs [{folder, seed, scores, their test-set ``intervals``
        (by subject or sequence if available) and ``intervals_by_image``}], over_seeds {score: ``seed_interval``} or
        None}]; ``pairs`` (``compare_pairs``); ``over_seeds`` (None, or per score ``anova`` and ``pairs`` of models);
        ``classes`` (None or per run); ``evaluated`` (None, or ``compare_evaluations``).

    Raises:
        InputError: a run is not a result, or the test sets differ.
    """
    refuse_faults(runs)
    notes = check_same_test(runs) + _notes(runs)
    size = len(runs[0].true)
    if without_copies:
        runs, notice = leave_out_copies(runs)
        notes.insert(0, notice)
    models = group_models(runs)
    evaluations = _compare_evaluations(models, evaluated)
    pairs, unpaired = choose_pairs(models)
    if unpaired:
        notes.append("models without a common seed: every run of one is compared with every run of the other")
    letters = {run.record.folder: _letter(number) for number, model in enumerate(models) for run in model.runs}
    paired = {id(run) for pair in pairs for run in pair}
    alone = [name_run(letters[run.record.folder], run.known_seed, "seed ") for run in runs if id(run) not in paired]
    if alone and len(models) > 1:
        notes.append(f"no run of another model has the same seed, so in no pair: {', '.join(alone)}")
    rows = compare_pairs(pairs)
    for row, (first, second) in zip(rows, pairs, strict=True):
        row |= {f"{side}_letter": letters[run.record.folder] for side, run in (("first", first), ("second", second))}
        row |= {f"{side}_seed": run.known_seed for side, run in (("first", first), ("second", second))}
    return {
        "part": runs[0].split,
        "target": runs[0].target or None,
        "n": len(runs[0].true),
        "copies_left_out": size - len(runs[0].true) if without_copies else None,
        "split_hashes": list(dict.fromkeys("+".join(run.split_hash) for run in runs)),
        "notes": notes,
        "models": [_describe(_letter(number), model) for number, model in enumerate(models)],
        "pairs": rows,
        "over_seeds": compare_models({_letter(number): model for number, model in enumerate(models)}),
        "classes": _by_class(runs, median) if classes else None,
        "evaluated": evaluations,
    }


def refuse_faults(runs: Sequence[FinishedRun]) -> None:
    """Check that every run is a result.

    Raises:
        InputError: a run is not a result.
    """
    for run in runs:
        if run.faults:
            raise InputError(f"{run.record.folder}: {name_fault(run.faults[0])}; leave it out, and say that you did")


def _compare_evaluations(models: Sequence[Model], names: Sequence[str]) -> dict[str, Any] | None:
    if not names:
        return None
    from fer_run_comparison.evaluations_over_seeds import compare_evaluations  # imports torch

    return compare_evaluations({_letter(number): model for number, model in enumerate(models)}, names)


def _notes(runs: Sequence[FinishedRun]) -> list[str]:
    caveats: dict[str, list[str]] = {}
    remarks: dict[str, None] = {}
    for run in runs:
        if run.elsewhere:
            caveats.setdefault(run.elsewhere, []).append(run.name)
        remarks |= dict.fromkeys(list_remarks(run.record.manifest))
    everyone = f"all {len(runs)} runs"
    who = {caveat: everyone if len(names) == len(runs) > 2 else ", ".join(names) for caveat, names in caveats.items()}
    return [f"{who[caveat]}: {caveat}" for caveat in caveats] + list(remarks)


def _letter(number: int) -> str:
    """Return the model's letter: A to Z, then A1, B1, ..."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")


def _describe(letter: str, model: Model) -> dict[str, Any]:
    runs = [
        {"folder": str(run.record.folder), "seed": run.known_seed}
        | {score: run.scores[score] for score in HEADLINE}
        | {"intervals": {score: best_intervals(run.scores).get(score) for score in HEADLINE}}
        | {"intervals_by_image": {score: run.scores["intervals"].get(score) for score in HEADLINE}}
        for run in model.runs
    ]
    several = len(model.runs) > 1
    spread = {score: seed_interval(model.values(score), range_of(score)) for score in HEADLINE} if several else None
    return {"letter": letter, "label": model.label, "runs": runs, "over_seeds": spread}


def _by_class(runs: Sequence[FinishedRun], median: float | None) -> dict[str, Any]:
    return {
        str(run.record.folder): errors_by_class(run.true, run.predicted == run.true, run.classes, median)
        for run in runs
    }
