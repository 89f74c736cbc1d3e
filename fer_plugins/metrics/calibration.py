"""Whether probabilities mean what they say: Brier score, calibration error, and the bins of a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.classification import binary_calibration_error

from fer_plugins.metrics.predictions import Predictions

BINS = 15  # as in Guo et al. 2017
Values = npt.NDArray[np.float64]
_EDGES: Values = torch.linspace(
    0, 1, BINS + 1, dtype=torch.float64
).numpy()  # torch's, to the last bit those of ``ece``


@dataclass(frozen=True)
class Reliability:
    """Images sorted into bins of equal width by the confidence in their predicted class."""

    edges: Values  # (BINS + 1,) from 0 to 1; a bin holds its lower edge, the last one both
    count: npt.NDArray[np.int64]  # (BINS,) images
    confidence: Values  # (BINS,) mean; nan in an empty bin
    accuracy: Values  # (BINS,) share of hits; nan in an empty bin


def calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error ``ece``, from 0 to 1.

    The sum over bins b of n_b / N |accuracy_b - confidence_b|, of the predicted class's probability in 15 bins of equal
    width (Naeini et al. 2015, Guo et al. 2017, Eq. 3).

    Args:
        predictions: of every image of a split, with finite probabilities.
    """
    confidence, hit = _confidence(predictions)
    return float(binary_calibration_error(confidence, hit, n_bins=BINS))


def squared_errors(predictions: Predictions) -> Values:
    """Return each image's sum over classes of (p_k - [k is the true class])^2: (N,), from 0 to 2.

    Their mean is the Brier score (Brier 1950; scikit-learn halves it for two classes).
    """
    true = np.eye(predictions.probabilities.shape[1])[predictions.label]
    errors: Values = ((predictions.probabilities - true) ** 2).sum(1)
    return errors


def find_gaps(predictions: Predictions) -> Values:
    """Return what each image adds to its bin: (N, BINS), hit - confidence in the bin of the image, else 0.

    ``ece`` is the sum over bins of the absolute mean over the images.
    """
    confidence, hit = (values.numpy() for values in _confidence(predictions))
    gaps = np.zeros((len(predictions), BINS))
    gaps[np.arange(len(predictions)), _find_bins(confidence)] = hit - confidence
    return gaps


def find_reliability(predictions: Predictions) -> Reliability:
    """Return the bins that ``ece`` is computed from.

    Args:
        predictions: of every image of a split, with finite probabilities.
    """
    confidence, hit = (values.numpy() for values in _confidence(predictions))
    place = _find_bins(confidence)
    count = np.bincount(place, minlength=BINS)
    share = np.where(count, count, np.nan)
    return Reliability(
        edges=_EDGES,
        count=count,
        confidence=np.bincount(place, confidence, BINS) / share,
        accuracy=np.bincount(place, hit, BINS) / share,
    )


def _find_bins(confidence: Values) -> npt.NDArray[np.int64]:
    return np.searchsorted(_EDGES, confidence, side="right") - 1


def _confidence(predictions: Predictions) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the probability of the predicted class and whether it is right, (N,) each.

    A probability of exactly 1 is moved just below, since torchmetrics would give it a bin of its own above the last.
    """
    confidence = predictions.probabilities[np.arange(len(predictions)), predictions.predicted]
    hit = (predictions.predicted == predictions.label).astype(np.int64)
    return torch.from_numpy(np.minimum(confidence, np.nextafter(1.0, 0.0))), torch.from_numpy(hit)
