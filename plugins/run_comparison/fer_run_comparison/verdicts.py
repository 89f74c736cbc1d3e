"""Add to a comparison the detectable difference of each pair, its equivalence, and a ranking of models in groups."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from fer_plugins.analysis.seed_spread import FEWEST
from fer_plugins.metrics.table import PAIRED
from fer_run_comparison.sensitivity import (
    POWER,
    detectable_by_interval,
    detectable_by_mcnemar,
    detectable_over_seeds,
    equivalence_p,
    equivalence_p_over_seeds,
)
from fer_run_comparison.significance import ALPHA, holm
from fer_run_comparison.tests_over_blocks import letters_of_groups

EQUIVALENT, UNDECIDED = "equivalent", "not distinguishable"
FIRST, SECOND = "first better", "second better"


def add_verdicts(comparison: dict[str, Any], margin: float) -> None:
    """Add verdicts to the result of ``compare_runs``, in place.

    Each score of a pair, on images and over seeds, gets ``detectable`` {points (None: no difference is detectable),
    level, power}, ``equivalence`` {margin, p, p_holm, equivalent} and ``verdict``: "first better" or "second better" if
    Holm's p is below 0.05, else "equivalent" if Holm's p of the equivalence test is, else "not distinguishable". Both
    corrections are over the pairs of one score. ``margin`` and ``ranking`` (for each score, ``rank_models``) are added.

    Args:
        comparison: comparison of runs on one test set.
        margin: in points; differences up to it count as equivalent.
    """
    comparison["margin"] = margin
    level = ALPHA / max(1, len(comparison["pairs"]))
    for score in PAIRED:
        rows = [row[score] for row in comparison["pairs"]]
        for row in rows:
            row["detectable"] = {"points": _detectable(row, comparison["n"], level), "level": level, "power": POWER}
        _add_equivalence(rows, [equivalence_p(row["difference"], margin) for row in rows], margin)
        for row in rows:
            if row["verdict"] == UNDECIDED and row["equivalence"]["equivalent"]:
                row["verdict"] = EQUIVALENT
        if comparison["over_seeds"]:
            _judge_over_seeds(comparison, score, margin)
    comparison["ranking"] = {score: rank_models(comparison, score) for score in PAIRED}


def rank_models(comparison: dict[str, Any], score: str) -> dict[str, Any]:
    """Rank the models on one test set and group those that no test distinguishes.

    The tests used are those of seeds and images together, if the comparison has them for every pair of models; else
    those over seeds, if every model was trained at least three times; else those on images, where two models are
    distinguished if every pair of their runs is, in the same direction.

    Returns:
        ``by`` ("two_way", "seeds" or "images"), ``method`` (of the tests, in words), ``tests`` (their number), ``rows``
        [{letter, label, runs, score, interval (None: too few), groups}], best first, ``pairs`` [{first, second
        (letters), verdict, detectable (points)}].
    """
    models = comparison["models"]
    over_seeds = comparison["over_seeds"][score]["pairs"] if comparison["over_seeds"] else []
    complete = len(models) > 1 and all(len(model["runs"]) > 1 for model in models)
    if complete and all((row.get("two_way") or {}).get("p") is not None for row in over_seeds):
        by, method, pairs = "two_way", "seeds and test images together", _pairs_over_seeds(over_seeds, "two_way")
    elif complete and all(len(model["runs"]) >= FEWEST for model in models):
        by, method, pairs = "seeds", "Welch's t over seeds", _pairs_over_seeds(over_seeds, "welch")
    else:
        by, method, pairs = "images", _paired_method(comparison["pairs"], score), _pairs_on_images(comparison, score)
    rows = [
        {"letter": model["letter"], "label": model["label"], "runs": len(model["runs"])} | _score_of(model, score)
        for model in models
    ]
    rows.sort(key=lambda row: -row["score"])
    told_apart = [(pair["first"], pair["second"]) for pair in pairs if pair["verdict"] in (FIRST, SECOND)]
    groups = letters_of_groups([row["letter"] for row in rows], told_apart)
    return {
        "by": by,
        "method": method,
        "tests": len(comparison["pairs"] if by == "images" else over_seeds),
        "rows": [row | {"groups": groups[row["letter"]]} for row in rows],
        "pairs": pairs,
    }


def _pairs_over_seeds(rows: Sequence[dict[str, Any]], test: str) -> list[dict[str, Any]]:
    return [
        {"first": row["first"], "second": row["second"], "verdict": row[test]["verdict"]}
        | {"detectable": row[test]["detectable"]["points"]}
        for row in rows
    ]


def _pairs_on_images(comparison: dict[str, Any], score: str) -> list[dict[str, Any]]:
    letters = itertools.combinations([model["letter"] for model in comparison["models"]], 2)
    tested: dict[tuple[str, str], list[dict[str, Any]]] = {pair: [] for pair in letters}
    for row in comparison["pairs"]:
        if row["first_letter"] != row["second_letter"]:
            tested[row["first_letter"], row["second_letter"]].append(row[score])
    return [
        {"first": first, "second": second, "verdict": _join([row["verdict"] for row in rows])}
        | {"detectable": _largest([row["detectable"]["points"] for row in rows])}
        for (first, second), rows in tested.items()
    ]


def _paired_method(rows: Sequence[dict[str, Any]], score: str) -> str:
    """Return the name of the test on images; one by subject or sequence is named next to its interval."""
    by_unit = [row[score]["difference"]["method"] for row in rows if "unit" in row[score]]
    return str(by_unit[0]) if by_unit else PAIRED[score].method


def _score_of(model: dict[str, Any], score: str) -> dict[str, Any]:
    if model["over_seeds"]:
        spread = model["over_seeds"][score]
        return {"score": spread["mean"], "interval": spread["t"] and {**spread["t"], "method": "t"}}
    (run,) = model["runs"]
    return {"score": run[score], "interval": run["intervals"][score]}


def _detectable(row: dict[str, Any], size: int, level: float) -> float | None:
    if "mcnemar" in row:
        return detectable_by_mcnemar(row["mcnemar"]["only_first"] + row["mcnemar"]["only_second"], size, level)
    return detectable_by_interval(row["difference"], level)


def _judge_over_seeds(comparison: dict[str, Any], score: str, margin: float) -> None:
    values = {model["letter"]: [run[score] for run in model["runs"]] for model in comparison["models"]}
    pairs = comparison["over_seeds"][score]["pairs"]
    level = ALPHA / max(1, len(pairs))
    sides = [(values[row["first"]], values[row["second"]]) for row in pairs]
    rows = [row["welch"] for row in pairs]
    for row, side in zip(rows, sides, strict=True):
        row["detectable"] = {"points": detectable_over_seeds(*side, level), "level": level, "power": POWER}
    _judge(rows, [equivalence_p_over_seeds(*side, margin) for side in sides], margin)
    rows = [row["two_way"] for row in pairs if row.get("two_way")]
    for row in rows:
        row["detectable"] = {"points": detectable_by_interval(row, level), "level": level, "power": POWER}
    _judge(rows, [equivalence_p(row, margin) for row in rows], margin)


def _judge(rows: Sequence[dict[str, Any]], equivalence_p_values: Sequence[float | None], margin: float) -> None:
    _add_equivalence(rows, equivalence_p_values, margin)
    for row in rows:
        if row["p"] is not None and row["p_holm"] < ALPHA and row["points"]:
            row["verdict"] = SECOND if row["points"] > 0 else FIRST
        else:
            row["verdict"] = EQUIVALENT if row["equivalence"]["equivalent"] else UNDECIDED


def _add_equivalence(rows: Sequence[dict[str, Any]], p_values: Sequence[float | None], margin: float) -> None:
    corrected = iter(holm([p for p in p_values if p is not None]))
    for row, p in zip(rows, p_values, strict=True):
        p_holm = None if p is None else next(corrected)
        equivalent = p_holm is not None and p_holm < ALPHA
        row["equivalence"] = {"margin": margin, "p": p, "p_holm": p_holm, "equivalent": equivalent}


def _join(verdicts: Sequence[str]) -> str:
    """Return the verdict shared by all pairs of runs of two models; otherwise they are not distinguishable."""
    return verdicts[0] if len(set(verdicts)) == 1 else UNDECIDED


def _largest(points: Sequence[float | None]) -> float | None:
    return None if not points or None in points else max(point for point in points if point is not None)
