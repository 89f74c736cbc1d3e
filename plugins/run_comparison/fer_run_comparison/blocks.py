"""Scores of models in blocks (datasets, folds or seeds); the kind of block decides what a test generalises to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.analysis.seed_spread import Model
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.errors import InputError

SPEAKS_OF = {
    "datasets": "other datasets of this kind",
    "folds": "other training and test images of this dataset; folds share training images, so they are not independent",
    "seeds": "other trainings on these images, and of no other images",
}


@dataclass(frozen=True)
class Blocks:
    """One score of several models in several blocks."""

    kind: Literal["datasets", "folds", "seeds"]
    names: tuple[str, ...]  # names of the B blocks
    models: tuple[str, ...]  # names of the M models
    scores: npt.NDArray[np.float64]  # (B, M) fractions
    left_out: tuple[str, ...] = ()  # models that lack a block

    @property
    def correlation(self) -> float:
        """Correlation of two differences due to shared training images: 1 / folds; 0 for seeds and datasets."""
        return 1 / len(self.names) if self.kind == "folds" else 0.0

    def ranked_scores(self, score: str) -> npt.NDArray[np.float64]:
        """Return the scores, (B, M), with the sign for which higher is better."""
        return -self.scores if all_metrics()[score].better == "lower" else self.scores


def blocks_of_datasets(models: Mapping[str, Mapping[str, Model]], score: str) -> Blocks:
    """Return one block per dataset: for each model that was run on all datasets, the mean over its seeds.

    Args:
        models: dataset -> name -> model; at least one dataset.
        score: name of a metric in ``metrics.json``.
    """
    names = dict.fromkeys(name for of_dataset in models.values() for name in of_dataset)
    complete = tuple(name for name in names if all(name in of_dataset for of_dataset in models.values()))
    scores = [[np.mean(of_dataset[name].values(score)) for name in complete] for of_dataset in models.values()]
    left_out = tuple(name for name in names if name not in complete)
    return Blocks("datasets", tuple(models), complete, np.array(scores, dtype=np.float64), left_out)


def blocks_of_one_dataset(models: Mapping[str, Model], score: str) -> Blocks:
    """Return one block per fold if all runs have the same number of folds, else one per seed shared by all models.

    Args:
        models: name -> model, all on one test set.
        score: name of a metric in ``metrics.json``.
    """
    names = tuple(models)
    by_fold = [[_fold_scores(run, score) for run in model.runs] for model in models.values()]
    counts = {len(scores) for of_model in by_fold for scores in of_model}
    if len(counts) == 1 and counts != {0}:
        scores = np.stack([np.mean(of_model, axis=0) for of_model in by_fold], axis=1)
        return Blocks("folds", tuple(f"fold {k}" for k in range(len(scores))), names, scores)
    shared = sorted(set.intersection(*(set(model.seeds) for model in models.values())))
    of_seed = [dict(zip(model.seeds, model.values(score), strict=True)) for model in models.values()]
    scores = np.array([[values[seed] for values in of_seed] for seed in shared], dtype=np.float64)
    return Blocks("seeds", tuple(f"seed {seed}" for seed in shared), names, scores.reshape(len(shared), len(names)))


def name_across_datasets(models: Mapping[str, Sequence[Model]]) -> dict[str, dict[str, Model]]:
    """Return dataset -> name -> model, so that a model has the same name on all datasets.

    A plug-in that was run as one model on each dataset keeps its own name, whatever its recipe for a dataset; if it was
    run as several models on one dataset, each is named by the settings that differ.
    """
    plugins = {dataset: [_plugin(model) for model in of_dataset] for dataset, of_dataset in models.items()}
    several = {name for names in plugins.values() for name in names if names.count(name) > 1}
    return {
        dataset: {
            model.label if plugin in several else plugin: model
            for model, plugin in zip(of_dataset, plugins[dataset], strict=True)
        }
        for dataset, of_dataset in models.items()
    }


def _plugin(model: Model) -> str:
    return str(model.runs[0].record.manifest["plugin"]["name"])


def _fold_scores(run: FinishedRun, score: str) -> list[float]:
    """Return the score of each fold; [] if the folders of the folds are not next to the pooled result."""
    try:
        folds = run.record.read_folds() if run.is_folds else []
    except InputError:
        return []
    return [float(fold.metrics[run.split][score]) for fold in folds]
