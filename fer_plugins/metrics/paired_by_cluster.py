"""Paired tests by cluster: two networks on the same images, several of which are of one subject or sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fer_plugins.metrics.clusters import Clusters, Labels, count_by_cluster, jackknife_error, matrix_scores, quantile
from fer_plugins.metrics.resampling import LEVEL

DRAWS = 10_000
_AT_ONCE = 500  # draws held in memory

METHOD = "exchange of the two networks' predictions, all of a {unit} together; interval: jackknife by {unit}"


def compare_by_cluster(
    name: str, true: Labels, first: Labels, second: Labels, size: int, clusters: Clusters, *, draws: int = DRAWS
) -> dict[str, Any]:
    """Compare a score of two networks by a permutation test that exchanges their predictions cluster by cluster.

    Under equal networks it makes no difference which of the two gave the predictions to a subject's images, all of them
    together (Good 2005). From n clusters no p can be below 2 / 2^n.

    Args:
        name: "accuracy", or of ``macro_scores``.
        true: (N,) true classes.
        first: (N,) predictions of the first network.
        second: (N,) predictions of the second.
        size: number of classes.
        clusters: of the images, at least two.
        draws: exchanges.

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
        "method": METHOD.format(unit=clusters.unit),
        "level": LEVEL,
    }
    p = (extreme + 1) / (draws + 1)
    return {"difference": difference, "p": p, "unit": clusters.unit, "clusters": clusters.count}
