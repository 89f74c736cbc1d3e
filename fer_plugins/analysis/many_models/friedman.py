"""Friedman's test of several models over blocks, with Nemenyi's critical difference (Demsar 2006)."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from fer_plugins.analysis.many_models.groups import letters_of_groups
from fer_plugins.analysis.significance import ALPHA

_RESAMPLES = 9_999


def friedman(scores: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Test whether several models rank alike over blocks, and which pairs differ.

    p is that of permutations within the blocks, exact where there are at most 9,999 of them, else by random ones: the
    chi-square approximation needs more blocks than FER has datasets. Pairs are compared by Nemenyi's test of the mean
    ranks; it looks at them only where Friedman's p is below 0.05.

    Args:
        scores: (blocks, models), at least 2 x 3, higher is better.

    Returns:
        ``mean_ranks`` (1 is the best), ``chi_square``, ``df``, ``p``, ``smallest_p`` (possible with so many blocks and
        models), ``fewest_blocks`` (with which p < 0.05 is possible), ``critical_difference`` (of mean ranks),
        ``fewest_blocks_of_a_pair`` (with which two models can differ by it), ``groups`` (letters of each model),
        ``pairs`` [{first, second (places of models), p (Nemenyi), told_apart}].
    """
    blocks, models = scores.shape
    ranks = stats.rankdata(-np.round(scores, 12), axis=1)  # shares k/n: ties must be equal numbers
    mean_ranks = ranks.mean(0)
    varies = bool(np.ptp(ranks, axis=1).any())
    quantile = float(stats.studentized_range.ppf(1 - ALPHA, models, np.inf)) / math.sqrt(2)
    spread = math.sqrt(models * (models + 1) / 6)  # standard error of a difference of mean ranks, one block
    p = _permutation_p(ranks) if varies else 1.0
    pairs = []
    for first, second in itertools.combinations(range(models), 2):
        distance = abs(mean_ranks[first] - mean_ranks[second]) * math.sqrt(blocks) / spread
        pair_p = float(stats.studentized_range.sf(distance * math.sqrt(2), models, np.inf))
        pairs.append({"first": first, "second": second, "p": pair_p, "told_apart": p < ALPHA and pair_p < ALPHA})
    order = [str(place) for place in np.argsort(mean_ranks, kind="stable")]
    groups = letters_of_groups(order, [(str(r["first"]), str(r["second"])) for r in pairs if r["told_apart"]])
    return {
        "mean_ranks": mean_ranks.tolist(),
        "chi_square": float(stats.friedmanchisquare(*ranks.T).statistic) if varies else 0.0,
        "df": models - 1,
        "p": p,
        "smallest_p": math.factorial(models) ** (1.0 - blocks),
        "fewest_blocks": 2 + math.floor(-math.log(ALPHA) / math.log(math.factorial(models))),
        "critical_difference": quantile * spread / math.sqrt(blocks),
        "fewest_blocks_of_a_pair": 1 + math.floor((quantile * spread / (models - 1)) ** 2),
        "groups": [groups[str(place)] for place in range(models)],
        "pairs": pairs,
    }


def _permutation_p(ranks: npt.NDArray[np.float64]) -> float:
    def statistic(*columns: npt.NDArray[np.float64], axis: int) -> Any:
        return sum(column.sum(axis) ** 2 for column in columns)

    test = stats.permutation_test(
        tuple(ranks.T),
        statistic,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)
