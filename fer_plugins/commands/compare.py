"""``fer compare``: are runs distinguishable, network by network on the same samples, and model by model over seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fer_plugins.analysis.comparison import SCORES, choose_pairs, compare_models, compare_pairs
from fer_plugins.analysis.seed_spread import Model, group_models, seed_interval
from fer_plugins.analysis.significance import errors_by_class
from fer_plugins.analysis.spread_limits import format_spread, range_of
from fer_plugins.config.flag_value import take_value
from fer_plugins.config.registry import nearest
from fer_plugins.metrics.table import HEADLINE as _TITLES
from fer_plugins.runs.read_runs import FinishedRun, check_same_test, read_runs
from fer_plugins.runs.result_table import format_interval, format_p, result_console
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.print_table import print_table

_FLAGS = ("--json", "--classes", "--evaluated", "--target")
_TARGET = "fer compare: --target takes the name of one dataset of the runs' data.targets, as in --target ckplus"
_EVALUATED = "fer compare: --evaluated takes figures of fer evaluate once, as in --evaluated shift.zero.consistency"


def compare(words: list[str]) -> int:
    """Print or dump the comparison of ``fer compare RUN RUN... [--classes] [--evaluated NAME[,NAME]] [--json]``.

    ``--target NAME`` compares on another dataset that the runs were tested on (protocol cross_dataset).

    Raises:
        InputError: a wrong word, fewer than two runs, a run that is damaged, unfinished or no result, or runs that were
            not scored on the same samples.
    """
    words, target = take_value(words, "--target", _TARGET)
    words, names = take_value(words, "--evaluated", _EVALUATED)
    for word in words:
        if word.startswith("-") and word not in _FLAGS:
            known = ", ".join(_FLAGS)
            raise InputError(f"fer compare: unknown word {word!r}{nearest(word, list(_FLAGS))}; known: {known}")
    evaluated = [name for name in names.split(",") if name]
    if names and not evaluated:
        raise InputError(_EVALUATED)
    if evaluated and target:
        raise InputError("fer compare: --evaluated: fer evaluate measures no data.targets; leave --target out")
    runs = read_runs([word for word in words if word not in _FLAGS], least=2, target=target)
    found = compare_runs(runs, classes="--classes" in words, evaluated=evaluated)
    if "--json" in words:
        print(json.dumps(found, indent=2))
    else:
        _print(result_console(), found)
    return 0


def compare_runs(
    runs: Sequence[FinishedRun], *, classes: bool = False, evaluated: Sequence[str] = ()
) -> dict[str, Any]:
    """Compare runs that were scored on the same samples.

    Args:
        runs: at least two.
        classes: whether to ask of each run whether its classes are equally hard (``errors_by_class``).
        evaluated: figures of the runs' evaluations to compare as well (``robustness.over_seeds``).

    Returns:
        Plain JSON types: ``part, target`` (None: the dataset that was trained on), ``n, split_hashes, notes``;
        ``models`` [{letter, label, runs [{folder, seed, scores and their test-set intervals}], over_seeds
        {score: ``seed_interval``} or None}]; ``pairs`` (``compare_pairs``); ``over_seeds`` (None, or per score
        ``anova`` and ``pairs`` of models); ``classes`` (None or per run); ``evaluated`` (None, or
        ``compare_evaluations``).

    Raises:
        InputError: a run is no result, or the test sets differ.
    """
    for run in runs:
        if run.faults:
            raise InputError(f"{run.record.folder}: not a result ({run.faults[0]}); leave it out, and say that you did")
    notes = check_same_test(runs) + _notes(runs)
    models = group_models(runs)
    evaluations = _compare_evaluations(models, evaluated)
    pairs, unpaired = choose_pairs(models)
    if unpaired:
        notes.append("models without a common seed: every run of one is compared with every run of the other")
    letters = {run.record.folder: _letter(number) for number, model in enumerate(models) for run in model.runs}
    paired = {id(run) for pair in pairs for run in pair}
    alone = [f"{letters[run.record.folder]} seed {run.seed}" for run in runs if id(run) not in paired]
    if alone:
        notes.append(f"no run of another model has the same seed, so in no pair: {', '.join(alone)}")
    rows = compare_pairs(pairs)
    for row, (first, second) in zip(rows, pairs, strict=True):
        row |= {f"{side}_letter": letters[run.record.folder] for side, run in (("first", first), ("second", second))}
        row |= {f"{side}_seed": run.seed for side, run in (("first", first), ("second", second))}
    return {
        "part": runs[0].part,
        "target": runs[0].target or None,
        "n": len(runs[0].true),
        "split_hashes": list(dict.fromkeys("+".join(run.split_hash) for run in runs)),
        "notes": notes,
        "models": [_describe(_letter(number), model) for number, model in enumerate(models)],
        "pairs": rows,
        "over_seeds": compare_models({_letter(number): model for number, model in enumerate(models)}),
        "classes": _by_class(runs) if classes else None,
        "evaluated": evaluations,
    }


def _compare_evaluations(models: Sequence[Model], names: Sequence[str]) -> dict[str, Any] | None:
    if not names:
        return None
    from fer_plugins.analysis.robustness.over_seeds import compare_evaluations  # imports torch

    return compare_evaluations({_letter(number): model for number, model in enumerate(models)}, names)


def _notes(runs: Sequence[FinishedRun]) -> list[str]:
    said: dict[str, None] = {}
    for run in runs:
        manifest = run.record.manifest
        if manifest["protocol"].get("flaw"):
            said[f"protocol {manifest['protocol']['name']} is flawed: {manifest['protocol']['flaw']}"] = None
        if manifest["data"].get("limit") is not None:
            said[f"a part of the data only (data.limit {manifest['data']['limit']})"] = None
        if manifest.get("demonstration"):
            said["a demonstration on synthetic faces"] = None
    return list(said)


def _letter(number: int) -> str:
    """Name the models A to Z, then A1, B1, ..."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")


def _describe(letter: str, model: Model) -> dict[str, Any]:
    runs = [
        {"folder": str(run.record.folder), "seed": run.seed}
        | {score: run.scores[score] for score in SCORES}
        | {"intervals": {score: run.scores["intervals"].get(score) for score in SCORES}}
        for run in model.runs
    ]
    several = len(model.runs) > 1
    spread = {score: seed_interval(model.values(score), range_of(score)) for score in SCORES} if several else None
    return {"letter": letter, "label": model.label, "runs": runs, "over_seeds": spread}


def _by_class(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    return {str(run.record.folder): errors_by_class(run.true, run.predicted == run.true, run.classes) for run in runs}


def _print(console: Console, found: Mapping[str, Any]) -> None:
    part = f"{found['part']} on {found['target']}" if found["target"] else found["part"]
    console.print(f"\n{part}, {found['n']:,} samples, split {', '.join(found['split_hashes'])}")
    for note in found["notes"]:
        console.print(Text(f"note: {note}", style="yellow"))
    for model in found["models"]:
        console.print(Text(f"{model['letter']}  {model['label']}"))
    console.print()
    runs = _table("each run: score and 95 % interval over test samples", "run", *_interleave("95 % interval"))
    for model in found["models"]:
        for run in model["runs"]:
            cells = [
                cell for score in SCORES for cell in (f"{run[score]:.4f}", format_interval(run["intervals"][score]))
            ]
            runs.add_row(f"{model['letter']} seed {run['seed']}", *cells)
    print_table(console, runs)
    several = [model for model in found["models"] if model["over_seeds"]]
    if several:
        _print_spread(console, several)
    _print_pairs(console, found)
    if found["over_seeds"]:
        _print_over_seeds(console, found["over_seeds"])
    elif len(found["models"]) > 1:
        console.print(
            "Nothing is said about the next training: that takes at least two seeds of two models (fer-run --seed).\n"
        )
    for folder, tests in (found["classes"] or {}).items():
        _print_classes(console, folder, tests)
    if found["evaluated"]:
        from fer_plugins.analysis.robustness.over_seeds import print_evaluations

        print_evaluations(console, found["evaluated"])


def _print_spread(console: Console, models: Sequence[Mapping[str, Any]]) -> None:
    table = _table("over seeds: mean of the trainings and 95 % interval of the mean", "model", "score", "seeds")
    for title in ("mean", "sd", "t interval", "z form"):
        table.add_column(title, justify="right")
    for model in models:
        for score in SCORES:
            spread = model["over_seeds"][score]
            ends = (format_spread(spread, "t"), format_spread(spread, "z"))
            table.add_row(
                model["letter"], _TITLES[score], str(spread["n"]), f"{spread['mean']:.4f}", f"{spread['sd']:.4f}", *ends
            )
    print_table(console, table, keys=3)
    console.print("The z form (mean +- 1.96 sd / sqrt(n)) is what papers print; it is too narrow for few seeds.\n")


def _print_pairs(console: Console, found: Mapping[str, Any]) -> None:
    count = len(found["pairs"])
    title = f"pair by pair on the same samples: second - first, in points ({count} pair{'s' if count > 1 else ''})"
    table = _table(title, "first", "second", "score")
    for name in ("points", "95 % interval"):
        table.add_column(name, justify="right")
    table.add_column("verdict")  # before the p-values: in a narrow terminal the first block holds what matters
    for name in ("p", "p (Holm)"):
        table.add_column(name, justify="right")
    for row in found["pairs"]:
        sides = [f"{row[f'{side}_letter']} s{row[f'{side}_seed']}" for side in ("first", "second")]
        for score in SCORES:
            one = row[score]
            better = {"first better": f"{sides[0]} better", "second better": f"{sides[1]} better"}
            change, verdict = one["difference"], better.get(one["verdict"], one["verdict"])
            cells = (
                _points(change["points"]),
                _point_range(change),
                verdict,
                format_p(one["p"]),
                format_p(one["p_holm"]),
            )
            table.add_row(*sides, _TITLES[score], *cells)
    print_table(console, table, keys=3)
    console.print("accuracy: McNemar's mid-p, Bonett-Price interval; macro F1: paired stratified bootstrap.")
    console.print("Not distinguishable does not mean equal: the interval says how far apart the two may be.\n")


def _print_over_seeds(console: Console, over: Mapping[str, Any]) -> None:
    table = _table("model by model over seeds: second - first, in points", "first", "second", "score")
    for name in ("points", "95 % Welch", "p", "p (Holm)", "Wilcoxon p (n)"):
        table.add_column(name, justify="right")
    for score in SCORES:
        for row in over[score]["pairs"]:
            welch, ranks = row["welch"], row["wilcoxon"]
            said = "-" if ranks is None or ranks["p"] is None else f"{format_p(ranks['p'])} ({ranks['n']})"
            cells = (
                _points(welch["points"]),
                _point_range(welch),
                format_p(welch["p"]),
                format_p(welch.get("p_holm")),
                said,
            )
            table.add_row(row["first"], row["second"], _TITLES[score], *cells)
    print_table(console, table, keys=3)
    for score in SCORES:
        anova = over[score]["anova"]
        checks = dict.fromkeys(anova["checks"])
        for row in over[score]["pairs"]:
            checks |= {f"Wilcoxon: {check}": None for check in (row["wilcoxon"] or {}).get("checks", [])}
        console.print(f"one-way ANOVA, {_TITLES[score]}: {_anova(anova)}")
        for check in checks:
            console.print(Text(f"  {check}", style="dim"))
    console.print()


def _print_classes(console: Console, folder: str, tests: Mapping[str, Any]) -> None:
    console.print(Text(f"classes of {folder}: {', '.join(f'{k} {v:.3f}' for k, v in tests['shares'].items())}"))
    chi, anova = tests["chi_square"], tests["anova"]
    if chi:
        low = " (expected counts below 5: approximate)" if chi["smallest_expected"] < 5 else ""
        console.print(f"  chi-square({chi['df']}) {chi['statistic']:.2f}, p {format_p(chi['p'])}{low}")
    if anova:
        console.print(f"  one-way ANOVA of hits by true class, as papers print it: {_anova(anova)}")
        for check in anova["checks"]:
            console.print(Text(f"  {check}", style="dim"))


def _anova(anova: Mapping[str, Any]) -> str:
    degrees = f"F({anova['df_between']}, {anova['df_within']})"
    if anova["f"] is None:
        return f"{degrees} undefined: no group varies"
    text = f"{degrees} {anova['f']:.3f}, p {format_p(anova['p'])}, eta squared {anova['eta_squared']:.3f}"
    welch = anova["welch"]
    if welch is None:
        return text
    degrees = f"F({welch['df_between']:.0f}, {welch['df_within']:.1f})"
    return f"{text}; Welch {degrees} {welch['f']:.3f}, p {format_p(welch['p'])}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table


def _interleave(between: str) -> list[str]:
    return [name for score in SCORES for name in (_TITLES[score], between)]


def _points(value: float) -> str:
    return f"{value:+.2f}"


def _point_range(interval: Mapping[str, Any]) -> str:
    if interval["low"] is None:
        return str(interval.get("why") or "-")
    return f"{interval['low']:+.2f} to {interval['high']:+.2f}"
