"""Temperature scaling (Guo et al. 2017): the one number that fits a network's confidence to a split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from fer_plugins.metrics.predictions import Predictions

LOWEST, HIGHEST = 0.01, 100.0  # temperatures searched

Values = npt.NDArray[np.float64]


def fit_temperature(logits: Values, labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature T in [0.01, 100] with the least mean of -log softmax(z / T)[label] (Guo et al. 2017).

    That mean is convex in 1/T, so it has one minimum, and a search on a line (scipy's bounded Brent, on log T) finds
    it. Where every answer is right no T is small enough, and 0.01 is returned; where they are worse than a guess, 100.

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
