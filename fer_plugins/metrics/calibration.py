"""Calibration: Brier score, calibration error, bins of a reliability diagram, temperature scaling (Guo et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torchmetrics.functional.classification import binary_calibration_error

from fer_plugins.metrics.predictions import Predictions

BINS = 15  # as in Guo et al. 2017
LOWEST, HIGHEST = 0.01, 100.0  # temperatures searched
Values = npt.NDArray[np.float64]
# torch's: to the last bit those of ``ece``.
_EDGES: Values = torch.linspace(0, 1, BINS + 1, dtype=torch.float64).numpy()


@dataclass(frozen=True)
class Reliability:
    """Images sorted into bins of equal width by the confidence in their predicted class."""

    edges: Values  # (BINS + 1,) from 0 to 1; a bin holds its lower edge, the last one both
    count: npt.NDArray[np.int64]  # (BINS,) images
    confidence: Values  # (BINS,) mean; nan in an empty bin
    accuracy: Values  # (BINS,) share of correct predictions; nan in an empty bin


def calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error ``ece``, from 0 to 1.

    The sum over bins b of n_b / N |accuracy_b - confidence_b|, of the predicted class's probability in 15 bins of equal
    width (Naeini et al. 2015, Guo et al. 2017, Eq. 3).
    """
    confidence, correct = _confidence(predictions)
    return float(binary_calibration_error(confidence, correct, n_bins=BINS))


def squared_errors(predictions: Predictions) -> Values:
    """Return each image's sum over classes of (p_k - [k is the true class])^2: (N,), from 0 to 2.

    Their mean is the Brier score (Brier 1950; scikit-learn halves it for two classes).
    """
    true = np.eye(predictions.probabilities.shape[1])[predictions.label]
    errors: Values = ((predictions.probabilities - true) ** 2).sum(1)
    return errors


def find_gaps(predictions: Predictions) -> Values:
    """Return what each image adds to its bin: (N, BINS), correct - confidence in the bin of the image, else 0.

    ``ece`` is the sum over bins of the absolute mean over the images.
    """
    confidence, correct = (values.numpy() for values in _confidence(predictions))
    gaps = np.zeros((len(predictions), BINS))
    gaps[np.arange(len(predictions)), _find_bins(confidence)] = correct - confidence
    return gaps


def find_reliability(predictions: Predictions) -> Reliability:
    """Return the bins that ``ece`` is computed from."""
    confidence, correct = (values.numpy() for values in _confidence(predictions))
    place = _find_bins(confidence)
    count = np.bincount(place, minlength=BINS)
    share = np.where(count, count, np.nan)
    return Reliability(
        edges=_EDGES,
        count=count,
        confidence=np.bincount(place, confidence, BINS) / share,
        accuracy=np.bincount(place, correct, BINS) / share,
    )


def _find_bins(confidence: Values) -> npt.NDArray[np.int64]:
    return np.searchsorted(_EDGES, confidence, side="right") - 1


def _confidence(predictions: Predictions) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the probability of the predicted class and whether it is correct, (N,) each.

    A probability of exactly 1 is moved just below, since torchmetrics would give it a bin of its own above the last.
    """
    confidence = predictions.probabilities[np.arange(len(predictions)), predictions.predicted]
    correct = (predictions.predicted == predictions.label).astype(np.int64)
    return torch.from_numpy(np.minimum(confidence, np.nextafter(1.0, 0.0))), torch.from_numpy(correct)


def fit_temperature(logits: Values, labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature T in [0.01, 100] with the least mean of -log softmax(z / T)[label] (Guo et al. 2017).

    That mean is convex in 1/T, so it has one minimum, and a search on a line (scipy's bounded Brent, on log T) finds
    it. Returns 0.01 where every prediction is correct, and 100 where they are worse than chance: no T is best there.

    Args:
        logits: z, (N, K).
        labels: (N,) true classes.
    """
    if (logits[np.arange(len(labels)), labels] >= logits.max(1)).all():
        return LOWEST

    def loss(log_temperature: float) -> float:
        return mean_loss(logits / np.exp(log_temperature), labels)

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x))


def mean_loss(logits: Values, labels: npt.NDArray[np.int64]) -> float:
    """Return the mean of -log softmax(z)[label], nats, of logits z (N, K)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def scale(predictions: Predictions, logits: Values, temperature: float) -> Predictions:
    """Return predictions with softmax(z / T); what is predicted stays.

    Args:
        predictions: of N images.
        logits: z, (N, K), of the same images.
        temperature: T, above 0.
    """
    scaled = log_softmax(logits / temperature, axis=1)
    own = scaled[np.arange(len(predictions)), predictions.label]
    return replace(predictions, probabilities=np.exp(scaled), loss=-own)
