"""Seeds and test images in one verdict: would another training of each model, on other test images, differ too.

A paired test speaks of two trained networks, Welch's test over seeds of one test set. Each leaves out a variance that
the other one has (Bouthillier et al. 2021); here both are joined, crossed as they are: every network sees every image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from fer_plugins.analysis.seed_spread import Model
from fer_plugins.metrics.clusters import Clusters, add_up, find_clusters, matrix_scores
from fer_plugins.metrics.intervals import influences
from fer_plugins.metrics.resampling import LEVEL
from fer_plugins.runs.read_runs import align

METHOD = "seeds x test images, crossed; Satterthwaite's t"
Values = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def compare_two_ways(name: str, first: Model, second: Model) -> dict[str, Any]:
    """Compare the mean score of two models over seeds and test images together.

    Args:
        name: "accuracy", or of ``macro_scores``.
        first: model with at least two runs, all scored on the same samples.
        second: likewise.

    Returns:
        As ``join_variances``, ``unit`` ("image", "subject" or "sequence") added.
    """
    run = first.runs[0]
    clusters = find_clusters(run.predictions.subjects, run.predictions.sequences)
    sides = [np.stack([align(other, run) for other in model.runs]) for model in (first, second)]
    joined = join_variances(name, run.true, sides[0], sides[1], len(run.classes), clusters)
    return joined | {"unit": clusters.unit if clusters else "image"}


def join_variances(
    name: str, true: Labels, first: Labels, second: Labels, size: int, clusters: Clusters | None = None
) -> dict[str, Any]:
    """Return the difference of two models' mean scores, with the variance of retraining and of other test images.

    The score is taken as linear in the images (delta method), so that each of a model's m networks has one value for
    each image (or cluster). The variance is that of the images' differences of means, and s^2 / m of each model less
    the part of it that is seed times image, which the first one holds already (two-way analysis of variance).

    Args:
        name: of a score, as above.
        true: (N,) true classes.
        first: (m, N) predictions of the first model's networks, m at least 2.
        second: (k, N) of the second model's.
        size: number of classes.
        clusters: of the images; None: images are independent.

    Returns:
        ``points`` (100 (second - first)), ``low``, ``high``, ``p``, ``sd_seeds``, ``sd_images`` (points: what each
        adds), ``method``, ``level``. ``p``, ``low`` and ``high`` are None where nothing varies.
    """
    sides = [_find_influences(name, true, predicted, size, clusters) for predicted in (first, second)]
    means = [scores.mean() for scores, _ in sides]
    by_image = sides[1][1].mean(0) - sides[0][1].mean(0)
    count = len(by_image)
    images = count / (count - 1) * float(((by_image - by_image.mean()) ** 2).sum())
    parts = [_seed_variance(scores, values) for scores, values in sides]
    seeds, freedom = sum(parts), [len(scores) - 1 for scores, _ in sides]
    variance, points = images + seeds, 100 * float(means[1] - means[0])
    result: dict[str, Any] = {"points": points, "low": None, "high": None, "p": None}
    result |= {"sd_seeds": 100 * seeds**0.5, "sd_images": 100 * images**0.5, "method": METHOD, "level": LEVEL}
    if variance <= 0:
        return result
    terms = [(images, count - 1), *zip(parts, freedom, strict=True)]
    degrees = variance**2 / sum(part**2 / free for part, free in terms)
    error = 100 * variance**0.5
    half = float(t.ppf((1 + LEVEL) / 2, degrees)) * error
    p = 2 * float(t.sf(abs(points) / error, degrees))
    return result | {"low": max(-100.0, points - half), "high": min(100.0, points + half), "p": p}


def _find_influences(
    name: str, true: Labels, predicted: Labels, size: int, clusters: Clusters | None
) -> tuple[Values, Values]:
    """Return the scores of a model's networks, (m,), and what each image (or cluster) adds to each, (m, N)."""
    scores, values = [], []
    for answers in predicted:
        matrix = np.zeros((size, size))
        np.add.at(matrix, (true, answers), 1)
        added = influences(lambda matrices: matrix_scores(matrices)[name][..., None], matrix)[true, answers, 0]
        scores.append(float(matrix_scores(matrix)[name]))
        values.append(add_up(added, clusters) if clusters else added)
    return np.array(scores), np.stack(values)


def _seed_variance(scores: Values, values: Values) -> float:
    """Return s^2 / m of a model's scores less seed times image; at least 0."""
    count, size = values.shape
    residuals = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    interaction = float((residuals**2).sum()) / (count - 1) * size / (size - 1)
    return float(max(0.0, scores.var(ddof=1) - interaction) / count)


def describe_tests(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Return what the two tests over seeds speak of, in one sentence."""
    units = {row["two_way"]["unit"] for row in pairs if row.get("two_way")}
    return (
        "Welch over seeds: other trainings, these test images only. Seeds and images together: other trainings, "
        f"other test images (by {', '.join(sorted(units))})."
    )
