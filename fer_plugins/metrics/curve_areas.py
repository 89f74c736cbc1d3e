"""Areas under the ROC and the precision-recall curve for many resamples of the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from fer_plugins.metrics.resampling import Counts, Labels, Values


class CurveAreas:
    """Both areas of each class against the rest, for any counts of the images.

    The images are sorted once. A resample then takes one addition per image and class, because only sums between
    thresholds are needed; sorting every resample would take about a hundred times as long.

    Args:
        probabilities: (N, K), finite.
        label: (N,) true classes, at least two different ones.

    Attributes:
        present: (P,) classes that have an image, ascending.
    """

    def __init__(self, probabilities: Values, label: Labels) -> None:
        self.present: Labels = np.unique(label)
        self._curves = [_sort(probabilities[:, k], label == k) for k in self.present]

    def compute(self, counts: Counts) -> tuple[Values, Values]:
        """Return the ROC area and the average precision of every class and resample.

        The ROC area is the fraction of pairs (image of the class, other image) in which the former has the larger
        probability; ties count half (Hanley and McNeil 1982). Average precision is the sum over the distinct
        probabilities of (step of recall) x precision, without interpolation.

        Args:
            counts: (N, d) whole numbers: how often each image occurs in each resample, with at least one image of each
                class present.

        Returns:
            Two arrays (P, d), in [0, 1].
        """
        total = counts.sum(0)
        roc, precision = np.empty((2, len(self._curves), counts.shape[1]))
        for place, curve in enumerate(self._curves):
            own = curve.own @ counts
            above = np.cumsum(curve.others @ counts, axis=0)  # other images at or above each threshold
            size = own.sum(0)
            beaten = (total - size) - above
            if curve.tied is not None:
                beaten += (curve.tied @ counts) / 2
            roc[place] = np.einsum("td,td->d", own, beaten) / (size * (total - size))
            hits = np.cumsum(own, axis=0)
            above += hits
            hits /= np.maximum(above, 1)  # precision; 0 if no image is counted yet, which has no effect
            precision[place] = np.einsum("td,td->d", own, hits) / size
        return roc, precision


@dataclass(frozen=True)
class _Curve:
    """The images at each threshold of the probability of a class.

    A threshold is a distinct value among the class's own images, T in total, in descending order; between two
    thresholds, the order of the other images affects neither area.
    """

    own: csr_array  # (T, N), 1 for images of the class at each threshold
    others: csr_array  # (T, N), 1 for other images from a threshold up to below the previous one
    tied: csr_array | None  # (T, N), 1 for other images at a threshold; None if there are none


def _sort(value: Values, own: npt.NDArray[np.bool_]) -> _Curve:
    thresholds = np.unique(value[own])  # ascending
    top = len(thresholds)
    reached = np.searchsorted(thresholds, value, side="right")  # number of thresholds that each image reaches
    rest = ~own & (reached > 0)
    tied = rest & (thresholds[reached - 1] == value)

    def pick(chosen: npt.NDArray[np.bool_]) -> csr_array:
        images = np.flatnonzero(chosen)
        return csr_array((np.ones(len(images)), (top - reached[images], images)), shape=(top, len(value)))

    return _Curve(pick(own), pick(rest), pick(tied) if tied.any() else None)
