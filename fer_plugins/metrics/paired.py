"""Paired tests: compare the scores of two networks on the same images, over images or over clusters of images.

A paired test detects far smaller differences than a check whether two intervals overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, norm

from fer_plugins.metrics.clusters import Clusters, count_by_cluster, jackknife_error, matrix_scores, quantile
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.resampling import LEVEL, draw_counts, percentiles

DRAWS = 10_000  # the smallest p is then 2 / 10,001, which stays below 0.05 after correction for 200 pairs of runs
_AT_ONCE = 500  # exchanges by cluster that are in memory at the same time
BY_CLUSTER = "exchange of the two networks' predictions, all of a {unit} together; interval: jackknife by {unit}"

Labels = npt.NDArray[np.int64]


def compare_accuracy(true: Labels, first: Labels, second: Labels, size: int) -> dict[str, Any]:
    """Compare accuracy by McNemar's test.

    Args:
        true: (N,) true classes.
        first: (N,) predictions of the first network.
        second: (N,) predictions of the second network.
        size: Number of classes.

    Returns:
        ``difference`` (see ``hit_difference``), ``p`` (the mid-p) and ``mcnemar``.
    """
    del size
    test = mcnemar(first == true, second == true)
    difference = hit_difference(test["only_first"], test["only_second"], len(true))
    return {"difference": difference, "p": test["p_mid"], "mcnemar": test}


def compare_macro_f1(true: Labels, first: Labels, second: Labels, size: int) -> dict[str, Any]:
    """Compare macro F1 by an exchange test; return ``difference`` (see ``macro_f1_difference``) and ``p``."""
    difference = macro_f1_difference(true, first, second, size)
    return {"difference": difference, "p": difference.pop("p")}


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Test whether two networks have the same accuracy on the same samples (McNemar 1947).

    Only samples that exactly one of the networks predicts correctly count. ``p_exact`` is the binomial test of b
    against c; it never exceeds its level but is conservative. ``p_mid`` (Lancaster 1961) counts the observed split with
    half its probability and keeps its level in practice (Fagerland, Lydersen and Laake 2013); it is used for the
    verdict. Both are 1 for b = c.

    Args:
        first_right: (N,) whether the first network is correct.
        second_right: (N,) whether the second network is correct.

    Returns:
        ``only_first`` (b), ``only_second`` (c), ``both``, ``neither``, ``p_mid``, ``p_exact``.
    """
    only_first, only_second = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    both, neither = int((first_right & second_right).sum()), int((~first_right & ~second_right).sum())
    from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar  # takes a second to import

    exact = float(statsmodels_mcnemar([[both, only_first], [only_second, neither]], exact=True).pvalue)
    less, discordant = min(only_first, only_second), only_first + only_second
    middle = 1.0 if only_first == only_second else exact - float(binom.pmf(less, discordant, 0.5))
    counts = {"only_first": only_first, "only_second": only_second, "both": both, "neither": neither}
    return {**counts, "p_mid": middle, "p_exact": exact}


def hit_difference(only_first: int, only_second: int, size: int) -> dict[str, Any]:
    """Return the difference of two accuracies on the same samples, in points, with Bonett and Price's interval.

    This is Wald's interval with one sample added to each of b and c (Bonett and Price 2012): with b' = (b + 1)/(N + 2)
    and c' = (c + 1)/(N + 2) it is c' - b' +- 1.96 sqrt((b' + c' - (c' - b')^2)/(N + 2)), truncated at +-100 points. It
    keeps its 95 % coverage for few samples, too, unlike Wald's interval (Fagerland, Lydersen and Laake 2014).

    Args:
        only_first: Number of samples that only the first network predicts correctly (b).
        only_second: Number of samples that only the second network predicts correctly (c).
        size: Total number of samples, N > 0.

    Returns:
        ``points`` (100 (c - b)/N: positive if the second network is better), ``low``, ``high`` (points), ``method``,
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
    """Return the macro F1 difference of two networks on the same samples: bootstrap interval and exchange test.

    Interval: samples of each true class are drawn with replacement, each with both predictions, which keeps the class
    counts and the pairing; percentiles of the difference. p: the two predictions of each sample are exchanged at random
    (Noreen 1989; Yeh 2000). This is exact for equally good networks, for which the fraction of bootstrap draws on one
    side of 0 would reject up to 0.09 of equal pairs at 0.05 (200 images). Near 0.05, interval and p may disagree.

    Args:
        true: (N,) true classes.
        first: (N,) predictions of the first network.
        second: (N,) predictions of the second network.
        size: Number of classes.
        draws: Number of bootstrap samples, and of exchanges.
        seed: Random seed.

    Returns:
        ``points`` (100 (second - first)), ``low``, ``high`` (points), ``p``, ``method``, ``level``, ``draws``. ``p`` is
        1 if no prediction differs.
    """
    rows = [np.flatnonzero(true == label) for label in range(size)]
    # For each true class: the pairs of predictions that occur, and how often.
    pairs = [np.unique(np.stack([first[r], second[r]]), axis=1, return_counts=True) for r in rows]
    drawn_matrices = np.zeros((2, draws, size, size))
    matrices = np.zeros((2, size, size))
    for label, ((cells, counts), times) in enumerate(
        zip(pairs, draw_counts([counts for _, counts in pairs], seed, draws), strict=True)
    ):
        for side in range(2):
            column = np.eye(size)[cells[side]]  # (pairs, size): one-hot prediction of each pair
            drawn_matrices[side, :, label] = times @ column
            matrices[side, label] = counts @ column
    observed, resampled = macro_scores(matrices)["f1"], macro_scores(drawn_matrices)["f1"]
    differences = np.round(100 * (resampled[1] - resampled[0]), 9)  # equal matrices must have a difference of exactly 0
    low, high = percentiles(differences)
    return {
        "points": float(100 * (observed[1] - observed[0])),
        "low": float(low),
        "high": float(high),
        "p": _exchange_images(true, first, second, matrices, draws, seed),
        "method": "paired stratified bootstrap",
        "level": LEVEL,
        "draws": draws,
    }


def _exchange_images(
    true: Labels, first: Labels, second: Labels, matrices: npt.NDArray[np.float64], draws: int, seed: int
) -> float:
    """Return the p-value of macro F1 under exchanges of single samples' predictions; 1 if no prediction differs.

    Among samples with the same label and the same two predictions, only the number of exchanged ones matters, which is
    binomial.
    """
    size = matrices.shape[-1]
    apart = first != second
    (label, one, other), counts = np.unique(
        np.stack([true[apart], first[apart], second[apart]]), axis=1, return_counts=True
    )
    moves, kinds = np.zeros((len(counts), size, size)), np.arange(len(counts))
    moves[kinds, label, other] = 1
    moves[kinds, label, one] = -1
    exchanged = np.random.default_rng(seed).binomial(counts, 0.5, (draws, len(counts)))
    moved = (exchanged @ moves.reshape(len(counts), size * size)).reshape(-1, size, size)
    observed, differences = (
        np.abs(macro_scores(after)["f1"] - macro_scores(before)["f1"])
        for before, after in ((matrices[0], matrices[1]), (matrices[0] + moved, matrices[1] - moved))
    )
    return (int((differences >= observed - 1e-12).sum()) + 1) / (draws + 1)


def compare_by_cluster(
    name: str, true: Labels, first: Labels, second: Labels, size: int, clusters: Clusters, *, draws: int = DRAWS
) -> dict[str, Any]:
    """Compare a score of two networks by a permutation test that exchanges their predictions cluster by cluster.

    If the networks are equal, it makes no difference which of them made the predictions for all images of a subject
    (Good 2005). With n clusters, p cannot be below 2 / 2^n.

    Args:
        name: "accuracy", or a score of ``macro_scores``.
        true: (N,) true classes.
        first: (N,) predictions of the first network.
        second: (N,) predictions of the second network.
        size: Number of classes.
        clusters: Clusters of the images, at least two.
        draws: Number of exchanges.

    Returns:
        ``difference`` {``points`` (100 (second - first)), ``low``, ``high``, ``method``, ``level``}, ``p``, ``unit``,
        ``clusters``.
    """
    sides = np.stack([count_by_cluster(true, predicted, size, clusters) for predicted in (first, second)])
    measure: Callable[[Any], Any] = lambda matrices: matrix_scores(matrices)[name]  # noqa: E731
    totals = sides.sum(1)
    observed = float(measure(totals[1]) - measure(totals[0]))
    moves = (sides[1] - sides[0]).reshape(clusters.count, -1)
    random, extreme = np.random.default_rng(0), 0
    for start in range(0, draws, _AT_ONCE):
        exchanged = random.integers(0, 2, (min(_AT_ONCE, draws - start), clusters.count))
        moved = (exchanged @ moves).reshape(-1, size, size)
        differences = measure(totals[1] - moved) - measure(totals[0] + moved)
        extreme += int((np.abs(differences) >= abs(observed) - 1e-12).sum())
    half = quantile(clusters.count) * jackknife_error(measure(totals[1] - sides[1]) - measure(totals[0] - sides[0]))
    difference = {
        "points": 100 * observed,
        "low": 100 * max(-1.0, observed - half),
        "high": 100 * min(1.0, observed + half),
        "method": BY_CLUSTER.format(unit=clusters.unit),
        "level": LEVEL,
    }
    p = (extreme + 1) / (draws + 1)
    return {"difference": difference, "p": p, "unit": clusters.unit, "clusters": clusters.count}
