"""Calibration: Brier score, calibration error, reliability diagram and temperature scaling (Guo et al. 2017)."""

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
LOWEST, HIGHEST = 0.01, 100.0  # range of temperatures
Values = npt.NDArray[np.float64]
# Computed by torch, to be bitwise equal to those of ``ece``.
_EDGES: Values = torch.linspace(0, 1, BINS + 1, dtype=torch.float64).numpy()


@dataclass(frozen=True)
class Reliability:
    """Images binned by the confidence of their predicted class, in bins of equal width."""

    edges: Values  # (BINS + 1,) from 0 to 1; a bin includes its lower edge, the last bin both edges
    count: npt.NDArray[np.int64]  # (BINS,) number of images
    confidence: Values  # (BINS,) mean; nan in an empty bin
    accuracy: Values  # (BINS,) fraction of correct predictions; nan in an empty bin


def calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error ``ece``, from 0 to 1.

    The sum over bins b of n_b / N |accuracy_b - confidence_b|, with the probability of the predicted class in 15 bins
    of equal width (Naeini et al. 2015, Guo et al. 2017, Eq. 3).
    """
    confidence, correct = _confidence(predictions)
    return float(binary_calibration_error(confidence, correct, n_bins=BINS))


def squared_errors(predictions: Predictions) -> Values:
    """Return the sum over classes of (p_k - [k is the true class])^2 for each image: (N,), from 0 to 2.

    The mean is the Brier score (Brier 1950; scikit-learn halves it for two classes).
    """
    true = np.eye(predictions.probabilities.shape[1])[predictions.label]
    errors: Values = ((predictions.probabilities - true) ** 2).sum(1)
    return errors


def find_gaps(predictions: Predictions) -> Values:
    """Return the contribution of each image to its bin: (N, BINS), correct - confidence in the image's bin, else 0.

    ``ece`` is the sum over bins of the absolute mean over images.
    """
    confidence, correct = (values.numpy() for values in _confidence(predictions))
    gaps = np.zeros((len(predictions), BINS))
    gaps[np.arange(len(predictions)), _find_bins(confidence)] = correct - confidence
    return gaps


def find_reliability(predictions: Predictions) -> Reliability:
    """Return the bins from which ``ece`` is computed."""
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

    A probability of exactly 1 is reduced to just below 1, because torchmetrics would put it into an additional bin.
    """
    confidence = predictions.probabilities[np.arange(len(predictions)), predictions.predicted]
    correct = (predictions.predicted == predictions.label).astype(np.int64)
    return torch.from_numpy(np.minimum(confidence, np.nextafter(1.0, 0.0))), torch.from_numpy(correct)


def fit_temperature(logits: Values, labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature T in [0.01, 100] that minimizes the mean of -log softmax(z / T)[label] (Guo et al. 2017).

    The mean is convex in 1/T and thus has a single minimum, which a line search (scipy's bounded Brent, on log T)
    finds. Returns 0.01 if every prediction is correct, and 100 if predictions are worse than chance, as there is no
    best T then.

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
    """Return the mean of -log softmax(z)[label], in nats, for logits z (N, K)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def scale(predictions: Predictions, logits: Values, temperature: float) -> Predictions:
    """Return predictions with probabilities softmax(z / T); the predicted classes do not change.

    Args:
        predictions: Predictions for N images.
        logits: z, (N, K), for the same images.
        temperature: T, above 0.
    """
    scaled = log_softmax(logits / temperature, axis=1)
    own = scaled[np.arange(len(predictions)), predictions.label]
    return replace(predictions, probabilities=np.exp(scaled), loss=-own)
