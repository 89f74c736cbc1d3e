"""Tests of models over blocks (datasets, folds, seeds): Friedman and Nemenyi, and Bayesian tests of a pair."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Collection, Sequence
from typing import Any

import networkx
import numpy as np
import numpy.typing as npt
from scipy import stats

from fer_run_comparison.significance import ALPHA


def letters_of_groups(models: Sequence[str], told_apart: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return the letters of each model: two models share a letter if and only if no test distinguishes them.

    A group is a maximal set of models that are pairwise indistinguishable (a clique), so a model can be in several.

    Args:
        models: names, best first; "a" is the group of the best.
        told_apart: pairs of distinguishable models, in any order.

    >>> letters_of_groups(["x", "y", "z"], [("x", "z")])
    {'x': 'a', 'y': 'ab', 'z': 'b'}
    """
    place = {model: number for number, model in enumerate(models)}
    graph = networkx.complete_graph(models)
    graph.remove_edges_from(told_apart)
    groups = sorted(sorted(place[model] for model in clique) for clique in networkx.find_cliques(graph))
    return {
        model: "".join(_letter(k) for k, group in enumerate(groups) if number in group)
        for model, number in place.items()
    }


def _letter(number: int) -> str:
    """Return a to z, A to Z, then Greek letters: one character each."""
    letters = string.ascii_letters
    return (
        letters[number] if number < len(letters) else chr(ord("\N{GREEK SMALL LETTER ALPHA}") + number - len(letters))
    )


_RESAMPLES = 9_999


def friedman(scores: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Test whether several models have equal ranks over blocks, and which pairs differ.

    p is that of permutations within the blocks, exact for at most 9,999 of them, else of random ones: the chi-square
    approximation needs more blocks than FER has datasets. Pairs are compared by Nemenyi's test of the mean ranks, only
    if Friedman's p is below 0.05.

    Args:
        scores: (blocks, models), at least 2 x 3, higher is better.

    Returns:
        ``mean_ranks`` (1 is best), ``chi_square``, ``df``, ``p``, ``smallest_p`` (possible with this number of blocks
        and models), ``fewest_blocks`` (for which p < 0.05 is possible), ``critical_difference`` (of mean ranks),
        ``fewest_blocks_of_a_pair`` (for which two models can differ by it), ``groups`` (letters of each model),
        ``pairs`` [{first, second (indices of models), p (Nemenyi), told_apart}].
    """
    blocks, models = scores.shape
    ranks = stats.rankdata(-np.round(scores, 12), axis=1)  # fractions k/n: ties must be equal numbers
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


DRAWS = 10_000
FEWEST_DATASETS = 6  # on 2, the posterior says 0.96 whatever the size of the differences; Wilcoxon's test needs 6 too
FEWEST_REPEATS = 3  # folds or seeds: with two, Student's t has one degree of freedom
_PRIOR = 0.5  # weight of the one assumed block without a difference, as in baycomp

Probabilities = dict[str, float]  # {"first_better", "equivalent", "second_better"}, sum 1


def signed_rank_posterior(
    differences: npt.NDArray[np.float64], margin: float, seed: int = 0, draws: int = DRAWS
) -> Probabilities | None:
    """Return the posterior of the Bayesian signed-rank test, for the median difference on datasets like these.

    The prior is a Dirichlet process with one assumed dataset of weight 0.5 without a difference.

    Args:
        differences: (N,) score of the second model minus that of the first, one per dataset, in the unit of ``margin``.
        margin: differences up to this size count as equivalent.
        seed: random seed of the draws.
        draws: number of draws from the posterior.

    Returns:
        The fraction of draws in which each of the three is the most probable; None below ``FEWEST_DATASETS``.
    """
    if len(differences) < FEWEST_DATASETS:
        return None
    values = np.concatenate([[0.0], differences])
    sums = values[:, None] + values
    above, below = (np.heaviside(side * sums - 2 * margin, 0.5) for side in (1, -1))
    weights = np.random.default_rng(seed).dirichlet([_PRIOR, *np.ones(len(differences))], draws)
    second, first = (((weights @ region) * weights).sum(1) for region in (above, below))
    most = np.argmax(np.stack([first, 1 - first - second, second]), axis=0)
    return _probabilities(*(np.bincount(most, minlength=3) / draws))


def correlated_t_posterior(
    differences: npt.NDArray[np.float64], margin: float, correlation: float = 0.0
) -> Probabilities | None:
    """Return the posterior of the Bayesian correlated t test, for the mean difference on one dataset.

    Args:
        differences: (N,) score of the second model minus that of the first, one per fold or seed.
        margin: differences up to this size count as equivalent, in the same unit.
        correlation: correlation of two differences: 1 / folds for folds, whose training images overlap (Nadeau and
            Bengio 2003); 0 for seeds.

    Returns:
        The probabilities; None below ``FEWEST_REPEATS``, or if the differences do not vary.
    """
    count = len(differences)
    if count < FEWEST_REPEATS or np.ptp(differences) < 1e-12:
        return None
    scale = np.std(differences, ddof=1) * np.sqrt(1 / count + correlation / (1 - correlation))
    posterior = stats.t(count - 1, float(np.mean(differences)), scale)
    first, second = posterior.cdf(-margin), posterior.sf(margin)
    return _probabilities(first, 1 - first - second, second)


def _probabilities(first: float, equivalent: float, second: float) -> Probabilities:
    return {"first_better": float(first), "equivalent": float(equivalent), "second_better": float(second)}
