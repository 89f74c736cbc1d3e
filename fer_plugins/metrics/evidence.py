"""The predictions of a split, and the quantities shared by several metrics: counts, rates, areas, intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
    MulticlassSpecificity,
)
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from fer_plugins.metrics.calibration import calibration_error, squared_errors
from fer_plugins.metrics.confusion import Matrix, macro_scores
from fer_plugins.metrics.intervals import map_ends, matrix_intervals, mean_intervals, rate_intervals, wilson
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.probability_intervals import area_intervals, ece_interval
from fer_plugins.metrics.resampling import Interval

Values = npt.NDArray[np.float64]
ByClass = list[float | None]


class Evidence:
    """The predictions of a split, with counts, rates, areas and intervals that are computed on first use."""

    def __init__(self, predictions: Predictions, classes: Sequence[str], seed: int = 0) -> None:
        self.predictions, self.classes, self.seed = predictions, list(classes), seed
        self.finite = bool(np.isfinite(predictions.probabilities).all())

    # --- the confusion matrix

    @cached_property
    def _counted(self) -> dict[str, Values]:
        size = len(self.classes)
        # If several processes train together, each has all predictions, and torchmetrics must not sum them again.
        settings: dict[str, Any] = {"num_classes": size, "sync_on_compute": False}
        rates = {name: kind(average="none", **settings) for name, kind in _RATES.items()}
        metrics = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(average="micro", **settings),
                "matrix": MulticlassConfusionMatrix(**settings),
                **rates,
            }
        ).set_dtype(torch.float64)  # rates are exactly k/n only in double precision
        metrics.update(torch.from_numpy(self.predictions.predicted), torch.from_numpy(self.predictions.label))
        return {name: value.numpy() for name, value in metrics.compute().items()}

    @cached_property
    def matrix(self) -> Matrix:
        """(K, K) counts, rows are true classes, columns are predicted classes."""
        return self._counted["matrix"].astype(np.int64)

    @cached_property
    def support(self) -> npt.NDArray[np.int64]:
        """(K,) number of images of each class."""
        support: npt.NDArray[np.int64] = self.matrix.sum(1)
        return support

    @cached_property
    def present(self) -> npt.NDArray[np.int64]:
        """(P,) classes that have an image, ascending."""
        return np.flatnonzero(self.support)

    @property
    def has_negatives(self) -> bool:
        """Whether at least two classes are present; with one class, there are no negatives."""
        return len(self.present) > 1

    @property
    def accuracy(self) -> float:
        """Fraction of images that are predicted correctly."""
        return float(self._counted["accuracy"])

    def macro(self, rate: str) -> float:
        """Return the unweighted mean of a rate over the classes present."""
        return float(self._counted[rate][self.present].mean())

    def weighted(self, rate: str) -> float:
        """Return the mean of a rate, weighted by the number of images of each class."""
        return float(np.average(self._counted[rate], weights=self.support))

    def by_class(self, rate: str) -> ByClass:
        """Return a rate of each class, (K,), None for an absent class."""
        return [
            float(value) if images else None for value, images in zip(self._counted[rate], self.support, strict=True)
        ]

    def agreement(self, name: str) -> float | None:
        """Return Cohen's ``kappa`` or the Matthews correlation ``mcc``; None if it is 0/0.

        torchmetrics is not used, because it computes both in single precision and, for two classes, replaces 0/0 by a
        small number.
        """
        true, predicted = (np.count_nonzero(self.matrix.sum(axis)) for axis in (1, 0))
        undefined = true == predicted == 1 and self.matrix.trace() if name == "kappa" else min(true, predicted) == 1
        return None if undefined else float(macro_scores(self.matrix)[name])

    # --- the probabilities

    def mean(self, name: str) -> float:
        """Return the mean of ``loss`` or ``brier`` over images."""
        return float(self._of_images[name].mean())

    @cached_property
    def _of_images(self) -> dict[str, Values]:
        return {"loss": self.predictions.loss, "brier": squared_errors(self.predictions)}

    @property
    def calibration_error(self) -> float:
        """Expected calibration error."""
        return calibration_error(self.predictions)

    @cached_property
    def _areas(self) -> dict[str, ByClass]:
        areas: dict[str, ByClass] = {name: [None] * len(self.classes) for name in _AREAS}
        probabilities = torch.from_numpy(self.predictions.probabilities)
        for k in self.present if self.has_negatives else ():
            is_class = torch.from_numpy((self.predictions.label == k).astype(np.int64))
            for name, area in _AREAS.items():
                areas[name][k] = min(1.0, float(area(probabilities[:, k], is_class)))  # float32 may exceed 1 by 4e-8
        return areas

    def area(self, name: str) -> float | None:
        """Return ``auroc`` or ``average_precision``, each class against the rest, averaged over the classes present."""
        areas = [area for area in self._areas[name] if area is not None]
        return float(np.mean(areas)) if areas else None

    def area_by_class(self, name: str) -> ByClass:
        """Return an area for each class, (K,), None if there are no images of the class, or only such images."""
        return self._areas[name]

    # --- intervals

    def accuracy_interval(self, transform: Callable[[float], float] = lambda share: share) -> Interval | None:
        """Return Wilson's interval of the accuracy, or of an increasing function of it."""
        return map_ends(wilson(int(self.matrix.trace()), len(self.predictions)), transform)

    @cached_property
    def matrix_intervals(self) -> dict[str, Interval]:
        """Intervals of the scores that depend on the confusion matrix, by name in ``macro_scores``."""
        return matrix_intervals(self.matrix)

    @cached_property
    def rate_intervals(self) -> dict[str, list[Interval | None]]:
        """Rate -> intervals of each class, (K,)."""
        return rate_intervals(self.matrix)

    @cached_property
    def mean_intervals(self) -> dict[str, Interval | None]:
        """Intervals of ``loss`` and ``brier``."""
        return mean_intervals(self._of_images, self.predictions.label)

    @cached_property
    def area_intervals(self) -> dict[str, tuple[Interval, list[Interval | None]]]:
        """Area -> its interval and the interval of each class, (K,); requires two classes with images."""
        return area_intervals(self.predictions, self._areas, self.seed)

    @property
    def ece_interval(self) -> Interval:
        """Interval of the calibration error."""
        return ece_interval(self.predictions, self.seed)


_RATES = {
    "precision": MulticlassPrecision,
    "recall": MulticlassRecall,
    "f1": MulticlassF1Score,
    "specificity": MulticlassSpecificity,
}
_AREAS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "auroc": binary_auroc,
    "average_precision": binary_average_precision,
}
