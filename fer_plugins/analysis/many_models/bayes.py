"""Bayesian comparison of two models over blocks: is one better by more than a margin, or are they equivalent?

The methods are those of Benavoli, Corani, Demsar and Zaffalon (2017, Journal of Machine Learning Research 18). Not the
package baycomp of the same authors: it has had no release since 2023, and draws its samples in a Python loop, several
seconds for each pair. The tests hold these lines to its numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

DRAWS = 10_000
FEWEST_DATASETS = 6  # on 2, the posterior says 0.96 whatever the size of the differences; so many needs Wilcoxon's test
FEWEST_REPEATS = 3  # folds or seeds: Student's t has one degree of freedom at two
_PRIOR = 0.5  # weight of the one assumed block without a difference, as in baycomp

Probabilities = dict[str, float]  # {"first_better", "equivalent", "second_better"}, sum 1


def signed_rank_posterior(
    differences: npt.NDArray[np.float64], margin: float, seed: int = 0, draws: int = DRAWS
) -> Probabilities | None:
    """Return the posterior of the Bayesian signed-rank test: of the median difference in datasets like these.

    The prior is a Dirichlet process with one assumed dataset of weight 0.5 that has no difference.

    Args:
        differences: (N,) score of the second model less that of the first, one a dataset, in the unit of ``margin``.
        margin: differences up to this size count as equivalent.
        seed: of the draws.
        draws: from the posterior.

    Returns:
        The share of draws in which each of the three is the most probable; None below ``FEWEST_DATASETS``.
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
    """Return the posterior of the Bayesian correlated t test: of the mean difference on one dataset.

    Args:
        differences: (N,) score of the second model less that of the first, one a fold or seed.
        margin: differences up to this size count as equivalent, in the same unit.
        correlation: between two differences: 1 / folds for folds, whose training images overlap (Nadeau and Bengio
            2003); 0 for seeds.

    Returns:
        The probabilities; None below ``FEWEST_REPEATS``, or where no difference varies.
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
