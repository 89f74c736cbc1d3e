"""Paired comparison of two runs that were scored on the same samples: McNemar's test and the paired bootstrap.

Both use that the two networks saw the same images, which is far sharper than looking whether two intervals overlap.
They compare two trained networks on test samples drawn anew; whether the next training comes out the same way is the
subject of ``seed_spread``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, norm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from fer_plugins.analysis.seed_spread import Model, difference_over_seeds
from fer_plugins.analysis.significance import ALPHA, holm, one_way_anova, signed_rank
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.resampling import LEVEL, draw_counts, percentiles
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.read_runs import FinishedRun, align

SCORES = tuple(HEADLINE)
DRAWS = 10_000  # the smallest p is then 2 / 10,001, which 200 pairs of runs can still correct below 0.05

Labels = npt.NDArray[np.int64]


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Test whether two networks have the same share of hits on the same samples (McNemar 1947).

    Only samples that one of the two has right count. ``p_exact`` is the binomial test of b against c; it never exceeds
    its level, but is too careful. ``p_mid`` (Lancaster 1961) counts the observed split with half its probability and
    keeps its level in practice (Fagerland, Lydersen and Laake 2013); it is the one that the verdict uses. For b = c
    both are 1.

    Args:
        first_right: (N,) whether the first network was right.
        second_right: (N,) the same of the second.

    Returns:
        ``only_first`` (b), ``only_second`` (c), ``both``, ``neither``, ``p_mid``, ``p_exact``.
    """
    only_first, only_second = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    both, neither = int((first_right & second_right).sum()), int((~first_right & ~second_right).sum())
    exact = float(statsmodels_mcnemar([[both, only_first], [only_second, neither]], exact=True).pvalue)
    less, discordant = min(only_first, only_second), only_first + only_second
    middle = 1.0 if only_first == only_second else exact - float(binom.pmf(less, discordant, 0.5))
    counts = {"only_first": only_first, "only_second": only_second, "both": both, "neither": neither}
    return {**counts, "p_mid": middle, "p_exact": exact}


def hit_difference(only_first: int, only_second: int, size: int) -> dict[str, Any]:
    """Return the difference of two shares of hits on the same samples, in points, with Bonett and Price's interval.

    Wald's interval with one sample added to each of b and c (Bonett and Price 2012): with b' = (b + 1)/(N + 2) and
    c' = (c + 1)/(N + 2) it is c' - b' +- 1.96 sqrt((b' + c' - (c' - b')^2)/(N + 2)), cut off at +-100. It keeps its 95
    % for few samples too, where the plain one does not (Fagerland, Lydersen and Laake 2014).

    Args:
        only_first: samples that the first network alone has right (b).
        only_second: that the second alone has right (c).
        size: all samples, N > 0.

    Returns:
        ``points`` (100 (c - b)/N: positive where the second is better), ``low``, ``high`` (points), ``method``,
        ``level``.
    """
    b, c = (only_first + 1) / (size + 2), (only_second + 1) / (size + 2)
    half = float(norm.ppf((1 + LEVEL) / 2)) * math.sqrt((b + c - (c - b) ** 2) / (size + 2))
    return {
        "points": 100 * (only_second - only_first) / size,
        "low": 100 * max(-1.0, c - b - half),
        "high": 100 * min(1.0, c - b + half),
        "method": "Bonett-Price",
        "level": LEVEL,
    }


def macro_f1_difference(
    true: Labels, first: Labels, second: Labels, size: int, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """Return the difference of macro-F1 of two networks on the same samples, by a paired stratified bootstrap.

    Samples of each true class are drawn with replacement, each with both predictions, so that the class counts and the
    pairing stay. Interval: percentiles of the difference; p: twice the smaller share of draws on one side of 0, the
    observed difference counted as one draw (Davison and Hinkley 1997), so that p < 0.05 where the interval
    leaves 0 out.

    Args:
        true: (N,) true classes.
        first: (N,) predictions of the first network.
        second: (N,) predictions of the second.
        size: number of classes.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        ``points`` (100 (second - first)), ``low``, ``high`` (points), ``p``, ``method``, ``level``, ``draws``. ``p`` is
        1 where no prediction differs.
    """
    rows = [np.flatnonzero(true == label) for label in range(size)]
    # Of each true class: the pairs of predictions that occur, and how often.
    pairs = [np.unique(np.stack([first[one], second[one]]), axis=1, return_counts=True) for one in rows]
    drawn = np.zeros((2, draws, size, size))
    seen = np.zeros((2, size, size))
    for label, ((cells, counts), times) in enumerate(
        zip(pairs, draw_counts([counts for _, counts in pairs], seed, draws), strict=True)
    ):
        for side in range(2):
            column = np.eye(size)[cells[side]]  # (pairs, size): which prediction a pair of predictions adds to
            drawn[side, :, label] = times @ column
            seen[side, label] = counts @ column
    observed, many = macro_scores(seen)["f1"], macro_scores(drawn)["f1"]
    differences = np.round(100 * (many[1] - many[0]), 9)  # equal matrices must differ by 0, not by rounding
    low, high = percentiles(differences)
    side = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return {
        "points": float(100 * (observed[1] - observed[0])),
        "low": float(low),
        "high": float(high),
        "p": min(1.0, 2 * (side + 1) / (draws + 1)),
        "method": "paired stratified bootstrap",
        "level": LEVEL,
        "draws": draws,
    }


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


def compare_pairs(pairs: Sequence[tuple[FinishedRun, FinishedRun]], *, draws: int = DRAWS) -> list[dict[str, Any]]:
    """Compare each pair of runs in accuracy and macro-F1 and correct the p-values over all pairs (Holm).

    The runs must have passed ``read_runs.check_same_test``. Each score is a family of its own: its p-values are
    corrected for the number of pairs. Intervals are 95 % each, not corrected.

    Args:
        pairs: (first, second); differences are second - first.
        draws: of the bootstrap.

    Returns:
        One row a pair: ``first, second`` (folders), ``n``, and for ``accuracy`` and ``f1`` {``first``, ``second``
        (fractions), ``difference`` (points, low, high), ``p``, ``p_holm``, ``verdict``}; ``accuracy`` also has
        ``mcnemar``. The verdict is "first better", "second better" or "not distinguishable", at 0.05 after correction.
    """
    rows = []
    for first, second in pairs:
        answers = align(second, first)
        test = mcnemar(first.predicted == first.true, answers == first.true)
        hits = hit_difference(test["only_first"], test["only_second"], len(first.true))
        f1 = macro_f1_difference(first.true, first.predicted, answers, len(first.classes), draws=draws)
        row: dict[str, Any] = {
            "first": str(first.record.folder),
            "second": str(second.record.folder),
            "n": len(answers),
        }
        for score, difference, p in (("accuracy", hits, test["p_mid"]), ("f1", f1, f1.pop("p"))):
            values = {"first": float(first.scores[score]), "second": float(second.scores[score])}
            row[score] = {**values, "difference": difference, "p": p}
        row["accuracy"]["mcnemar"] = test
        rows.append(row)
    for score in SCORES:
        corrected = holm([row[score]["p"] for row in rows])
        for row, p in zip(rows, corrected, strict=True):
            row[score] |= {"p_holm": p, "verdict": _verdict(row[score]["difference"]["points"], p)}
    return rows


def compare_models(models: Mapping[str, Model]) -> dict[str, Any] | None:
    """Compare models over their seeds: what can be expected of other trainings, on this test set.

    Args:
        models: name -> model; those that were trained once are left out.

    Returns:
        None where fewer than two were trained more than once; else for ``accuracy`` and ``f1`` {``anova``
        (``one_way_anova`` of the scores by model), ``pairs`` [{``first``, ``second`` (names), ``welch``
        (``difference_over_seeds``, and ``p_holm``), ``wilcoxon`` (``signed_rank`` of the scores of shared seeds; None
        without any), ``shared_seeds``}]}.
    """
    trained = {name: model for name, model in models.items() if len(model.runs) > 1}
    if len(trained) < 2:
        return None
    found: dict[str, Any] = {}
    for score in SCORES:
        values = {name: model.values(score) for name, model in trained.items()}
        rows = compare_means(values, shares=True)
        for row in rows:
            first, second = (
                dict(zip(trained[row[side]].seeds, values[row[side]], strict=True)) for side in ("first", "second")
            )
            shared = [seed for seed in first if seed in second]
            ranks = signed_rank([first[seed] for seed in shared], [second[seed] for seed in shared]) if shared else None
            row |= {"wilcoxon": ranks, "shared_seeds": shared}
        found[score] = {"anova": one_way_anova(values), "pairs": rows}
    return found


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
