"""Paired comparison of runs that were scored on the same samples, and of models over their seeds.

A paired test compares two trained networks on test samples drawn anew; whether the next training comes out the same
way is the subject of ``seed_spread``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from fer_plugins.analysis.seed_spread import Model, difference_over_seeds
from fer_plugins.analysis.significance import ALPHA, holm, one_way_anova, signed_rank
from fer_plugins.analysis.two_way import compare_two_ways
from fer_plugins.metrics.clusters import find_clusters
from fer_plugins.metrics.table import PAIRED
from fer_plugins.runs.read_runs import FinishedRun, align


def choose_pairs(models: Sequence[Model]) -> tuple[list[tuple[FinishedRun, FinishedRun]], bool]:
    """Choose the pairs of runs to compare: same seeds of two models, or the seeds of one model among themselves.

    Returns:
        The pairs, and whether two models have no seed in common: then each run of one is paired with each of the other.
    """
    if len(models) == 1:
        return list(itertools.combinations(models[0].runs, 2)), False
    pairs: list[tuple[FinishedRun, FinishedRun]] = []
    unpaired = False
    for one, other in itertools.combinations(models, 2):
        every = list(itertools.product(one.runs, other.runs))
        shared = [(first, second) for first, second in every if first.seed == second.seed]
        pairs += shared or every
        unpaired = unpaired or not shared
    return pairs, unpaired


def compare_pairs(pairs: Sequence[tuple[FinishedRun, FinishedRun]]) -> list[dict[str, Any]]:
    """Compare each pair of runs in every headline metric and correct the p-values over all pairs (Holm).

    The runs must have passed ``read_runs.check_same_test``. Each metric is a family of its own: its p-values are
    corrected for the number of pairs. Intervals are 95 % each, not corrected.

    Args:
        pairs: (first, second); differences are second - first.

    Returns:
        One row a pair: ``first, second`` (folders), ``n``, and for each metric {``first``, ``second`` (fractions),
        what ``Entry.paired`` gives (``difference`` in points with low and high, ``p``, ...), ``p_holm``, ``verdict``}.
        Where images share a subject or sequence, all this is by ``unit``, and ``by_image`` has the plain test.
        The verdict is "first better", "second better" or "not distinguishable", at 0.05 after correction.
    """
    rows = []
    for first, second in pairs:
        predicted = align(second, first)
        clusters = find_clusters(first.predictions.subjects, first.predictions.sequences)
        row: dict[str, Any] = {
            "first": str(first.record.folder),
            "second": str(second.record.folder),
            "n": len(predicted),
        }
        for name, test in PAIRED.items():
            values = {"first": float(first.scores[name]), "second": float(second.scores[name])}
            sides = (first.true, first.predicted, predicted, len(first.classes))
            by_image = test.compare(*sides)
            if clusters is None or clusters.count < 2:
                row[name] = values | by_image
            else:
                row[name] = values | test.by_cluster(*sides, clusters) | {"by_image": by_image}
        rows.append(row)
    for name in PAIRED:
        corrected = holm([row[name]["p"] for row in rows])
        for row, p in zip(rows, corrected, strict=True):
            row[name] |= {"p_holm": p, "verdict": _verdict(row[name]["difference"]["points"], p)}
    return rows


def compare_models(models: Mapping[str, Model]) -> dict[str, Any] | None:
    """Compare models over their seeds: what can be expected of other trainings, on this test set.

    Args:
        models: name -> model; those that were trained once are left out.

    Returns:
        None where fewer than two were trained more than once; else for ``accuracy`` and ``f1`` {``anova``
        (``one_way_anova`` of the scores by model), ``pairs`` [{``first``, ``second`` (names), ``welch``
        (``difference_over_seeds``, and ``p_holm``), ``wilcoxon`` (``signed_rank`` of the scores of shared seeds; None
        without any), ``shared_seeds``, ``two_way`` (``compare_two_ways``: seeds and test images together)}]}.
    """
    trained = {name: model for name, model in models.items() if len(model.runs) > 1}
    if len(trained) < 2:
        return None
    tests: dict[str, Any] = {}
    for score in PAIRED:
        values = {name: model.values(score) for name, model in trained.items()}
        rows = compare_means(values, shares=True)
        for row in rows:
            first, second = (
                dict(zip(trained[row[side]].seeds, values[row[side]], strict=True)) for side in ("first", "second")
            )
            shared = [seed for seed in first if seed in second]
            ranks = signed_rank([first[seed] for seed in shared], [second[seed] for seed in shared]) if shared else None
            two_way = compare_two_ways(score, trained[row["first"]], trained[row["second"]])
            row |= {"wilcoxon": ranks, "shared_seeds": shared, "two_way": two_way}
        tested = [row["two_way"] for row in rows if row["two_way"]["p"] is not None]
        for two_way, p in zip(tested, holm([one["p"] for one in tested]), strict=True):
            two_way |= {"p_holm": p, "verdict": _verdict(two_way["points"], p)}
        tests[score] = {"anova": one_way_anova(values), "pairs": rows}
    return tests


def compare_means(values: Mapping[str, Sequence[float]], *, shares: bool = False) -> list[dict[str, Any]]:
    """Compare every two models by Welch's t over their trainings, and correct the p-values over all pairs (Holm).

    Args:
        values: model -> one score of each training, at least two.
        shares: whether the scores lie in 0..1.

    Returns:
        [{``first``, ``second`` (names), ``welch`` (``difference_over_seeds``, and ``p_holm`` where it has a p)}].
    """
    rows: list[dict[str, Any]] = [
        {"first": one, "second": other, "welch": difference_over_seeds(first, second, shares=shares)}
        for (one, first), (other, second) in itertools.combinations(values.items(), 2)
    ]
    tested = [row["welch"] for row in rows if row["welch"]["p"] is not None]
    for welch, p in zip(tested, holm([welch["p"] for welch in tested]), strict=True):
        welch["p_holm"] = p
    return rows


def _verdict(points: float, p: float) -> str:
    if p >= ALPHA or points == 0:
        return "not distinguishable"
    return "second better" if points > 0 else "first better"
