"""Paired comparison of runs scored on the same samples, and of models over their seeds.

A paired test generalises from two trained networks to other test images, Welch's test over seeds to other trainings on
one test set. ``compare_two_ways`` combines both variances (Bouthillier et al. 2021) in a crossed design: every network
sees every image.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from fer_plugins.analysis.seed_spread import Model, difference_over_seeds
from fer_plugins.metrics.clusters import Clusters, add_up, find_clusters, matrix_scores
from fer_plugins.metrics.intervals import influences
from fer_plugins.metrics.resampling import LEVEL
from fer_plugins.metrics.table import PAIRED
from fer_plugins.runs.read_runs import FinishedRun, align
from fer_run_comparison.significance import ALPHA, holm, one_way_anova, signed_rank

METHOD = "seeds x test images, crossed; Satterthwaite's t"
Values = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def compare_two_ways(name: str, first: Model, second: Model) -> dict[str, Any]:
    """Compare the mean scores of two models over seeds and test images together.

    Args:
        name: "accuracy", or a score of ``macro_scores``.
        first: model with at least two runs, all scored on the same samples.
        second: model to compare with, under the same conditions.

    Returns:
        As ``join_variances``, plus ``unit`` ("image", "subject" or "sequence").
    """
    run = first.runs[0]
    clusters = find_clusters(run.predictions.subjects, run.predictions.sequences)
    sides = [np.stack([align(member, run) for member in model.runs]) for model in (first, second)]
    joined = join_variances(name, run.true, sides[0], sides[1], len(run.classes), clusters)
    return joined | {"unit": clusters.unit if clusters else "image"}


def join_variances(
    name: str, true: Labels, first: Labels, second: Labels, size: int, clusters: Clusters | None = None
) -> dict[str, Any]:
    """Return the difference of two models' mean scores, with the variance due to retraining and to test images.

    The score is linearised in the images (delta method), so that each of a model's m networks has one value for each
    image (or cluster). The variance is that of the images' mean differences, plus s^2 / m of each model without its
    seed-by-image interaction, which the first term already contains (two-way analysis of variance).

    Args:
        name: name of a score, as in ``compare_two_ways``.
        true: (N,) true classes.
        first: (m, N) predictions of the first model's networks, m at least 2.
        second: (k, N) predictions of the second model's networks, k at least 2.
        size: number of classes.
        clusters: clusters of the images; None: images are independent.

    Returns:
        ``points`` (100 (second - first)), ``low``, ``high``, ``p``, ``sd_seeds``, ``sd_images`` (in points:
        contribution of each), ``method``, ``level``. ``p``, ``low`` and ``high`` are None if nothing varies.
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
    """Return the scores of a model's networks, (m,), and the contribution of each image or cluster to each, (m, N)."""
    scores, values = [], []
    for answers in predicted:
        matrix = np.zeros((size, size))
        np.add.at(matrix, (true, answers), 1)
        added = influences(lambda matrices: matrix_scores(matrices)[name][..., None], matrix)[true, answers, 0]
        scores.append(float(matrix_scores(matrix)[name]))
        values.append(add_up(added, clusters) if clusters else added)
    return np.array(scores), np.stack(values)


def _seed_variance(scores: Values, values: Values) -> float:
    """Return s^2 / m of a model's scores minus the seed-by-image interaction; at least 0."""
    count, size = values.shape
    residuals = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    interaction = float((residuals**2).sum()) / (count - 1) * size / (size - 1)
    return float(max(0.0, scores.var(ddof=1) - interaction) / count)


def describe_tests(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Return in one sentence what the two tests over seeds generalise to."""
    units = {row["two_way"]["unit"] for row in pairs if row.get("two_way")}
    return (
        "Welch over seeds: other trainings, these test images only. Seeds and images together: other trainings, "
        f"other test images (by {', '.join(sorted(units))})."
    )


def choose_pairs(models: Sequence[Model]) -> tuple[list[tuple[FinishedRun, FinishedRun]], bool]:
    """Choose the pairs of runs to compare: same seeds of two models, or all seeds of a single model.

    Returns:
        The pairs, and whether two models share no seed: then each run of one is paired with each of the other.
    """
    if len(models) == 1:
        return list(itertools.combinations(models[0].runs, 2)), False
    pairs: list[tuple[FinishedRun, FinishedRun]] = []
    unpaired = False
    for first_model, second_model in itertools.combinations(models, 2):
        all_pairs = list(itertools.product(first_model.runs, second_model.runs))
        shared = [(first, second) for first, second in all_pairs if first.seed == second.seed]
        pairs += shared or all_pairs
        unpaired = unpaired or not shared
    return pairs, unpaired


def compare_pairs(pairs: Sequence[tuple[FinishedRun, FinishedRun]]) -> list[dict[str, Any]]:
    """Compare each pair of runs in every headline metric, with p-values corrected over all pairs (Holm).

    The runs must have passed ``read_runs.check_same_test``. Each metric is a separate family: its p-values are
    corrected for the number of pairs. Each interval is a 95 % interval, not corrected.

    Args:
        pairs: (first, second); differences are second - first.

    Returns:
        One row per pair: ``first, second`` (folders), ``n``, and for each metric {``first``, ``second`` (fractions),
        the result of ``Entry.paired`` (``difference`` in points with low and high, ``p``, ...), ``p_holm``,
        ``verdict``}. If images share a subject or sequence, all this is by ``unit``, and ``by_image`` has the plain
        test. The verdict is "first better", "second better" or "not distinguishable", at 0.05 after correction.
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
    """Compare models over their seeds, which generalises to other trainings on this test set.

    Args:
        models: name -> model; those trained once are left out.

    Returns:
        None if fewer than two were trained more than once; else for ``accuracy`` and ``f1`` {``anova``
        (``one_way_anova`` of the scores by model), ``pairs`` [{``first``, ``second`` (names), ``welch``
        (``difference_over_seeds``, and ``p_holm``), ``wilcoxon`` (``signed_rank`` of the scores of shared seeds; None
        if there are none), ``shared_seeds``, ``two_way`` (``compare_two_ways``: seeds and test images together)}]}.
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
        for two_way, p in zip(tested, holm([test["p"] for test in tested]), strict=True):
            two_way |= {"p_holm": p, "verdict": _verdict(two_way["points"], p)}
        tests[score] = {"anova": one_way_anova(values), "pairs": rows}
    return tests


def compare_means(values: Mapping[str, Sequence[float]], *, shares: bool = False) -> list[dict[str, Any]]:
    """Compare each pair of models by Welch's t over trainings, with p-values corrected over all pairs (Holm).

    Args:
        values: model -> one score per training, at least two.
        shares: whether the scores are in [0, 1].

    Returns:
        [{``first``, ``second`` (names), ``welch`` (``difference_over_seeds``, and ``p_holm`` if it has a p)}].
    """
    rows: list[dict[str, Any]] = [
        {"first": first_name, "second": second_name, "welch": difference_over_seeds(first, second, shares=shares)}
        for (first_name, first), (second_name, second) in itertools.combinations(values.items(), 2)
    ]
    tested = [row["welch"] for row in rows if row["welch"]["p"] is not None]
    for welch, p in zip(tested, holm([welch["p"] for welch in tested]), strict=True):
        welch["p_holm"] = p
    return rows


def _verdict(points: float, p: float) -> str:
    if p >= ALPHA or points == 0:
        return "not distinguishable"
    return "second better" if points > 0 else "first better"
