"""Scores against the votes of several annotators, where no single label is the truth (FER+)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.regression import kl_divergence

from fer_plugins.metrics.mean_intervals import mean_intervals
from fer_plugins.metrics.predictions import Predictions

_NAMES = ("kl", "expected_agreement", "highest_agreement", "annotator_agreement")


def score_votes(votes: npt.NDArray[np.float64], predictions: Predictions) -> dict[str, Any]:
    """Compare probabilities and predicted classes with the distribution of votes.

    With v_k the share of an image's votes for class k, p_k the probability, c the predicted class; means over images:
    ``kl`` is KL(v || p) = sum_k v_k log(v_k / p_k) in nats, from 0; ``expected_agreement`` is v_c, the chance that one
    of the annotators, drawn at random, says the same as the network. Two yardsticks need no network:
    ``highest_agreement`` is max_k v_k, more than which no single answer reaches; ``annotator_agreement`` is the chance
    that two different annotators of an image say the same, sum_k n_k (n_k - 1) / (n (n - 1)) (Fleiss 1971, Eq. 2).

    Args:
        votes: (N, K) counts of the classes, in the order of ``predictions``: ``table.votes[predictions.index]``.
        predictions: of the same images.

    Returns:
        ``n`` images with votes, and the scores above; images without a vote are left out. None without any image,
        ``annotator_agreement`` where no image has two votes, and ``kl`` if a probability is no number. ``intervals``:
        that of each score (``mean_intervals``), None for a score that is None.

    Raises:
        ValueError: another shape than the probabilities', or votes that are no whole numbers from 0.
    """
    if votes.shape != predictions.probabilities.shape:
        raise ValueError(
            f"votes of shape {votes.shape} beside probabilities of shape {predictions.probabilities.shape}"
        )
    if not np.isfinite(votes).all() or (votes < 0).any() or (votes % 1).any():
        raise ValueError("votes must be counts: whole numbers from 0")
    cast = votes.sum(1)
    voted, several = np.flatnonzero(cast > 0), np.flatnonzero(cast > 1)
    scores: dict[str, Any] = {"n": len(voted)} | dict.fromkeys(_NAMES) | {"intervals": dict.fromkeys(_NAMES)}
    shares = votes[voted] / cast[voted, None]
    # A probability that has underflown to 0 would make the mean infinite; so it stops at 708 nats an image.
    probabilities = np.maximum(predictions.probabilities[voted], np.finfo(np.float64).tiny)
    of_voted = {
        "kl": kl_divergence(torch.from_numpy(shares), torch.from_numpy(probabilities), reduction="none").numpy(),
        "expected_agreement": shares[np.arange(len(voted)), predictions.predicted[voted]],
        "highest_agreement": shares.max(1),
    }
    pairs = (votes * (votes - 1)).sum(1)[several] / (cast * (cast - 1))[several]
    for rows, columns in ((voted, of_voted), (several, {"annotator_agreement": pairs})):
        known = {name: values for name, values in columns.items() if len(rows) and np.isfinite(values).all()}
        scores |= {name: float(values.mean()) for name, values in known.items()}
        if known:
            scores["intervals"] |= mean_intervals(known, predictions.label[rows])
    return scores
