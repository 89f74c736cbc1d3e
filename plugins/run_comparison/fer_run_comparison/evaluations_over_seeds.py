"""Compare evaluations of several runs: each figure over the seeds of a model, and differences between models.

The intervals of an evaluation are over images, for one trained network. Whether a pooling makes networks more robust is
a question about trainings, so it needs several seeds of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

from rich.console import Console
from rich.table import Table

from fer_plugins.analysis.seed_spread import Model, format_spread, range_of, seed_interval
from fer_plugins.config.registry import nearest
from fer_plugins.runs.evaluation_file import FILE, read_evaluation
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.result_table import format_p
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.print_table import print_table, titled_table
from fer_run_comparison.comparison import compare_means
from fer_run_comparison.significance import ALPHA

Figures = dict[str, dict[str, Any]]  # dotted name -> {"value", "low", "high", "method"}, with the interval over images


def compare_evaluations(models: Mapping[str, Model], wanted: Sequence[str]) -> dict[str, Any]:
    """Compare figures of the evaluations in the runs' folders.

    Args:
        models: name -> model, as returned by ``group_models``.
        wanted: dotted names of figures as nested in ``evaluation.json`` under ``suites``, or prefixes of such names:
            "shift.zero.consistency", "corruption.mean". A prefix selects all figures below it.

    Returns:
        Plain JSON types: ``part``, ``n``, ``of``, and ``figures`` {name: {``models``: {model: {``runs`` [{``seed``,
        ``value``, ``low``, ``high``}], ``over_seeds`` (``seed_interval``; None for a model trained once)}}, ``pairs``
        [{``first``, ``second``, ``difference``, ``low``, ``high`` (second - first, in the figure's unit, by Welch's t),
        ``p``, ``p_holm``, ``verdict``}]}}. The p-values of one figure are corrected over its pairs of models (Holm),
        but not over figures. The verdict is "first higher", "second higher" or "not distinguishable": whether higher is
        better depends on the figure.

    Raises:
        InputError: a run has no evaluation, a damaged one, one of another checkpoint, or one on other images than the
            first run's; or a name matches no figure that all evaluations have.
    """
    runs = [run for model in models.values() for run in model.runs]
    evaluations = {run.record.folder: read_evaluation(run.record) for run in runs}
    first = evaluations[runs[0].record.folder]
    for run in runs[1:]:
        _check_same_images(run, evaluations[run.record.folder], runs[0], first)
    figures = {folder: dict(_flatten(evaluation["suites"])) for folder, evaluation in evaluations.items()}
    common = [
        name
        for name in figures[runs[0].record.folder]
        if all(name in figures_of_run for figures_of_run in figures.values())
    ]
    return {
        "part": first["part"],
        "n": first["n"],
        "of": first["of"],
        "figures": {name: _compare(name, models, figures) for name in _choose(common, wanted)},
    }


def print_evaluations(console: Console, evaluations: Mapping[str, Any]) -> None:
    """Print the result of ``compare_evaluations``."""
    share = "all" if evaluations["n"] == evaluations["of"] else f"{evaluations['n']:,} of {evaluations['of']:,}"
    console.print(f"fer robustness, {share} images of {evaluations['part']}; the intervals are of means over seeds\n")
    for name, figure in evaluations["figures"].items():
        print_table(console, _means(name, figure["models"]))
        if figure["pairs"]:
            print_table(console, _pairs(figure["pairs"]), keys=2)
    if not any(figure["pairs"] for figure in evaluations["figures"].values()):
        console.print("A difference between models takes at least two seeds of two models.\n")
        return
    console.print(
        "Welch's t over seeds; Holm over the pairs of one figure. A network that always says the same is perfectly "
        "steady: read steadiness beside accuracy.\n"
    )


def _means(name: str, models: Mapping[str, Any]) -> Table:
    table = titled_table(name, "model", "seeds", numbers=("mean", "sd", "95 % t interval"))
    for letter, model in models.items():
        seeds, spread = ", ".join(str(run["seed"]) for run in model["runs"]), model["over_seeds"]
        cells = [f"{model['runs'][0]['value']:.4f}", "-", "one training"]
        if spread:
            cells = [f"{spread['mean']:.4f}", f"{spread['sd']:.4f}", format_spread(spread, "t")]
        table.add_row(letter, seeds, *cells)
    return table


def _pairs(pairs: Sequence[Mapping[str, Any]]) -> Table:
    table = titled_table("", "first", "second", numbers=("second - first", "95 % interval"))
    table.add_column("verdict")
    for heading in ("p", "p (Holm)"):
        table.add_column(heading, justify="right")
    for pair in pairs:
        ends, tested = "-", ["-", "-"]
        if pair["p"] is not None:
            ends = pair["why"] if pair["low"] is None else f"{pair['low']:+.4f} to {pair['high']:+.4f}"
            tested = [format_p(pair["p"]), format_p(pair["p_holm"])]
        table.add_row(pair["first"], pair["second"], f"{pair['difference']:+.4f}", ends, pair["verdict"], *tested)
    return table


def _compare(name: str, models: Mapping[str, Model], figures: Mapping[Any, Figures]) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    values: dict[str, list[float]] = {}
    for letter, model in models.items():
        rows = [{"seed": run.seed, **figures[run.record.folder][name]} for run in model.runs]
        several = [float(row["value"]) for row in rows]
        spread = seed_interval(several, range_of(name)) if len(rows) > 1 else None
        measured[letter] = {"runs": rows, "over_seeds": spread}
        if spread:
            values[letter] = several
    pairs = []
    for row in compare_means(values):
        welch = row.pop("welch")  # in points: a hundredth of the figure's unit
        pair = row | {"difference": welch["points"] / 100, "why": welch["why"]}
        pair |= {end: None if welch[end] is None else welch[end] / 100 for end in ("low", "high")}
        pair |= {key: welch[key] for key in ("p", "p_holm") if key in welch}
        pairs.append(pair | {"verdict": _verdict(pair)})
    return {"models": measured, "pairs": pairs}


def _verdict(pair: Mapping[str, Any]) -> str:
    if pair["p"] is None:
        return "no spread over seeds: not tested"
    if pair["p_holm"] >= ALPHA:
        return "not distinguishable"
    return f"{pair['second' if pair['difference'] > 0 else 'first']} higher"


def _check_same_images(run: FinishedRun, evaluation: Mapping[str, Any], first_run: FinishedRun, first: Any) -> None:
    keys: tuple[tuple[str, ...], ...] = (("part",), ("n",), ("limit",), ("data", "fingerprint"), ("data", "split_hash"))
    for *above, key in (*keys, ("seeds", "evaluation")):
        ours, theirs = evaluation, first
        for name in above:
            ours, theirs = ours[name], theirs[name]
        if ours.get(key) != theirs.get(key):
            raise InputError(
                f"{run.record.folder / FILE}: {' '.join([*above, key])} {ours.get(key)}, and {theirs.get(key)} in "
                f"{first_run.record.folder}; evaluate all runs on the same images (--split, --limit, --seed)"
            )


def _flatten(figures: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (dotted name, figure) for everything with a value and an interval."""
    for name, value in figures.items():
        if isinstance(value, list):  # severities of a corruption, from 1
            value = {str(number): entry for number, entry in enumerate(value, 1)}
        if not isinstance(value, dict):
            continue
        if isinstance(value.get("value"), int | float) and {"low", "high"} <= value.keys():
            yield f"{above}{name}", {key: value[key] for key in ("value", "low", "high")}
        else:
            yield from _flatten(value, f"{above}{name}.")


def _choose(names: Sequence[str], requested: Sequence[str]) -> list[str]:
    chosen: dict[str, None] = {}
    for name in requested:
        figures = [figure for figure in names if figure == name or figure.startswith(f"{name}.")]
        if not figures:
            parts = (accumulate(figure.split("."), "{}.{}".format) for figure in names)
            beginnings = list(dict.fromkeys(chain.from_iterable(parts)))
            raise InputError(
                f"--evaluated {name}: no figure that all these evaluations have{nearest(name, beginnings)}; they have "
                f"{', '.join(name for name in beginnings if name.count('.') < 2) or 'none'}"
            )
        chosen |= dict.fromkeys(figures)
    return list(chosen)
