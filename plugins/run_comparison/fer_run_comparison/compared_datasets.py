"""Compare many models: on each dataset separately, and over datasets, folds or seeds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from fer_plugins.analysis.seed_spread import group_models
from fer_plugins.config.nearest import nearest
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.table import PAIRED
from fer_plugins.runs.read_runs import FinishedRun, check_same_test
from fer_plugins.runtime.errors import InputError
from fer_run_comparison.blocks import (
    Blocks,
    blocks_of_datasets,
    blocks_of_one_dataset,
    name_across_datasets,
)
from fer_run_comparison.compared_runs import compare_runs, refuse_faults
from fer_run_comparison.sensitivity import MARGIN
from fer_run_comparison.significance import holm, signed_rank
from fer_run_comparison.tests_over_blocks import correlated_t_posterior, friedman, signed_rank_posterior
from fer_run_comparison.verdicts import add_verdicts


def compare_datasets(runs: Sequence[FinishedRun], margin: float, **options: Any) -> dict[str, Any]:
    """Compare runs on each dataset, and models over the datasets, or over folds or seeds of a single dataset.

    Args:
        runs: finished runs that report on the same split.
        margin: in points; differences up to it count as equivalent.
        options: options of ``compare_runs``.

    Returns:
        For one dataset, the result of ``compare_runs`` with that of ``add_verdicts``, ``dataset`` and ``over_blocks``
        {score: ``compare_over_blocks``}; for several {``datasets``: [the same for each, without ``over_blocks``],
        ``margin``, ``over_blocks``}.

    Raises:
        InputError: as ``compare_runs``; the runs report on different splits, or a dataset has only one run.
    """
    by_dataset = group_by_dataset(runs)
    comparisons = []
    for dataset, of_dataset in by_dataset.items():
        comparison = compare_runs(of_dataset, **options)
        add_verdicts(comparison, margin)
        comparisons.append(comparison | {"dataset": dataset})
    models = {dataset: group_models(of_dataset) for dataset, of_dataset in by_dataset.items()}
    if len(by_dataset) > 1:
        named = name_across_datasets(models)
        over = {score: compare_over_blocks(blocks_of_datasets(named, score), margin, score) for score in PAIRED}
        return {"datasets": comparisons, "margin": margin, "over_blocks": over}
    (comparison,), (of_one,) = comparisons, models.values()
    lettered = {row["letter"]: model for row, model in zip(comparison["models"], of_one, strict=True)}
    over = {score: compare_over_blocks(blocks_of_one_dataset(lettered, score), margin, score) for score in PAIRED}
    return comparison | {"over_blocks": over}


def rank_over_blocks(runs: Sequence[FinishedRun], score: str) -> dict[str, Any]:
    """Rank models over datasets, folds or seeds by any metric.

    Returns:
        The result of ``compare_over_blocks``, with ``friedman``; models are named by their labels.

    Raises:
        InputError: a run is not a result, the test sets of one dataset differ, the metric is unknown or undefined for a
            run, or there are fewer than three models or two blocks.
    """
    if score not in all_metrics():
        raise InputError(
            f"--score {score}: no metric{nearest(score, all_metrics())}; known: {', '.join(all_metrics())}"
        )
    by_dataset = group_by_dataset(runs)
    for of_dataset in by_dataset.values():
        refuse_faults(of_dataset)
        check_same_test(of_dataset)
    for run in runs:
        if run.scores.get(score) is None:
            raise InputError(f"{run.record.folder}: has no {score}; leave it out, or take another --score")
    models = {dataset: group_models(of_dataset) for dataset, of_dataset in by_dataset.items()}
    if len(models) > 1:
        blocks = blocks_of_datasets(name_across_datasets(models), score)
    else:
        (of_one,) = models.values()
        blocks = blocks_of_one_dataset({model.label: model for model in of_one}, score)
    tests = compare_over_blocks(blocks, MARGIN, score)
    if tests["friedman"] is None:
        raise InputError(
            f"ranks take three models and two {blocks.kind} at least, here are {len(blocks.models)} on "
            f"{len(blocks.names)}; give runs of more models, datasets or seeds"
        )
    return tests


def group_by_dataset(runs: Sequence[FinishedRun]) -> dict[str, list[FinishedRun]]:
    """Return dataset -> its runs, with models in the same order on each.

    Raises:
        InputError: the runs report on different splits of several datasets, or a dataset has only one run.
    """
    by_dataset: dict[str, list[FinishedRun]] = {}
    plugins = list(dict.fromkeys(run.record.manifest["plugin"]["name"] for run in runs))
    for run in sorted(runs, key=lambda run: plugins.index(run.record.manifest["plugin"]["name"])):
        by_dataset.setdefault(run.title, []).append(run)
    if len(by_dataset) == 1:
        return {title: list(runs) for title in by_dataset}
    for title, of_dataset in by_dataset.items():
        if len(of_dataset) == 1:
            raise InputError(
                f"{of_dataset[0].record.folder}: the only run on {title}; give a run of another model on it, or leave "
                "it out"
            )
        if of_dataset[0].split != runs[0].split:
            raise InputError(
                f"{runs[0].record.folder} and {of_dataset[0].record.folder}: one is scored on {runs[0].split}, the "
                f"other on {of_dataset[0].split}; compare like with like"
            )
    return by_dataset


def compare_over_blocks(blocks: Blocks, margin: float, score: str) -> dict[str, Any]:
    """Compare models over blocks: ranks (Friedman, Nemenyi), Wilcoxon's signed ranks, the Bayesian test of a pair.

    Args:
        blocks: scores of the models in each block.
        margin: in points; differences up to it count as equivalent.
        score: name of the score.

    Returns:
        ``kind, blocks, models`` (names; letters for one dataset), ``left_out, scores`` (one row per block),
        ``friedman`` (None for fewer than two blocks or three models), ``pairs`` [{first, second, points (mean of second
        - first), wilcoxon (``signed_rank`` with ``p_holm``), bayes (probabilities of first better, equivalent, second
        better; None for too few blocks)}], empty for fewer than two blocks.
    """
    ranked = blocks.ranked_scores(score)
    pairs: list[dict[str, Any]] = []
    if len(blocks.names) > 1:
        for first, second in itertools.combinations(range(len(blocks.models)), 2):
            differences = 100 * (ranked[:, second] - ranked[:, first])
            bayes = (
                signed_rank_posterior(differences, margin)
                if blocks.kind == "datasets"
                else correlated_t_posterior(differences, margin, blocks.correlation)
            )
            pairs.append(
                {
                    "first": blocks.models[first],
                    "second": blocks.models[second],
                    "points": float(differences.mean()),
                    "wilcoxon": signed_rank(ranked[:, first].tolist(), ranked[:, second].tolist()),
                    "bayes": bayes,
                }
            )
    tested = [pair["wilcoxon"] for pair in pairs if pair["wilcoxon"]["p"] is not None]
    for ranks, p in zip(tested, holm([ranks["p"] for ranks in tested]), strict=True):
        ranks["p_holm"] = p
    return {
        "kind": blocks.kind,
        "blocks": list(blocks.names),
        "models": list(blocks.models),
        "left_out": list(blocks.left_out),
        "scores": blocks.scores.tolist(),
        "friedman": friedman(ranked) if len(blocks.names) > 1 and len(blocks.models) > 2 else None,
        "pairs": pairs,
    }
