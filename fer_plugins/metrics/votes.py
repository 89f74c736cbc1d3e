"""Scores with respect to votes of several annotators (FER+): their distribution, and the majority of a relabelling."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.metrics.intervals import mean_intervals, wilson
from fer_plugins.metrics.predictions import Predictions

Votes = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
AGREEMENTS = ("prediction_agreement", "label_agreement", "annotator_agreement")
_VOTE_SCORES = ("kl", "expected_agreement", "highest_agreement", "annotator_agreement")
_TIED, _OUTSIDE, _UNVOTED = -1, -2, -3


def find_majority(votes: Votes, classes: int) -> Labels:
    """Return the answer with the most votes for each image.

    Args:
        votes: (N, K + M) counts; the first K answers are the classes of the labels, the M others (contempt, unknown, no
            face) are not classes, but count as votes.
        classes: K.

    Returns:
        (N,) the class, or a negative number if no class has the majority: -1 if several answers have the same number of
        votes, -2 if an answer that is not a class has the most, -3 if there are no votes.
    """
    most = votes.max(axis=1)
    majority: Labels = votes.argmax(axis=1).astype(np.int64)
    majority[majority >= classes] = _OUTSIDE
    majority[(votes == most[:, None]).sum(axis=1) > 1] = _TIED
    majority[most == 0] = _UNVOTED
    return majority


def annotator_agreement(votes: Votes) -> npt.NDArray[np.float64]:
    """Return how often an annotator agrees with the majority of the others, for each image, by leave-one-out.

    With n_k of n votes for answer k, each vote is left out in turn and compared with the majority of the remaining
    n - 1: 1 / n sum_k n_k [k in T_k] / |T_k|, where T_k are the answers with the most votes after removing one vote
    for k. Tied answers are equally likely to be the majority. An answer that is not a class agrees with no class.

    Args:
        votes: (N, A) counts, at least two votes per image.

    Returns:
        (N,) from 0 to 1.

    >>> annotator_agreement(np.array([[10.0, 0, 0], [9, 1, 0], [5, 4, 1], [1, 1, 0]])).round(3).tolist()
    [1.0, 0.9, 0.25, 0.0]
    """
    agreement = np.zeros(len(votes))
    for answer in range(votes.shape[1]):
        rest = votes.copy()
        rest[:, answer] -= 1
        top = rest == rest.max(axis=1, keepdims=True)
        agreement += votes[:, answer] * top[:, answer] / top.sum(axis=1)
    return np.asarray(agreement / votes.sum(axis=1))


def score_majority(votes: Votes, predictions: Predictions) -> dict[str, Any]:
    """Compare predictions and labels with the majority of the votes, for images whose majority is a class.

    These images are selected by all of their votes, so the annotator who is left out influenced the selection and
    agrees slightly too often. The annotator is compared with a majority of one vote less than the network is.

    Args:
        votes: (N, K + M) counts of the K classes and M further answers, in the order of ``predictions``.
        predictions: Predictions for the same images.

    Returns:
        ``n`` images whose majority is a class; ``tied``, ``outside`` and ``unvoted``: images left out, see
        :func:`find_majority`. Fractions of the n images: ``prediction_agreement`` of predictions with the majority,
        ``label_agreement`` of labels with it (the accuracy of a network that always predicts the majority),
        ``annotator_agreement`` (see :func:`annotator_agreement`; None if an image has a single vote), ``accuracy`` of
        predictions with respect to the labels, each with its ``intervals``. ``difference``: agreement of the
        predictions minus that of the annotator, with its paired interval. ``errors``: ``n`` predictions that differ
        from the label, and how many of these images have the ``prediction``, the ``label`` or ``neither`` as majority;
        ``prediction_share`` with its ``interval``. Without any image, fractions and intervals are None; with too few
        (``mean_intervals``), the intervals of the annotator and of ``difference`` are.

    Raises:
        ValueError: ``votes`` does not have a row for every prediction and a column for every class, or is not counts.
    """
    classes = predictions.probabilities.shape[1]
    if len(votes) != len(predictions) or votes.shape[1] < classes:
        raise ValueError(f"votes of shape {votes.shape} beside {len(predictions)} predictions of {classes} classes")
    _check_counts(votes)
    majority = find_majority(votes, classes)
    judged = majority >= 0
    scores = compare_majority(majority[judged], predictions.label[judged], predictions.predicted[judged])
    left_out = {"tied": _TIED, "outside": _OUTSIDE, "unvoted": _UNVOTED}
    scores = {
        "n": scores.pop("n"),
        **{name: int((majority == code).sum()) for name, code in left_out.items()},
        **scores,
        "annotator_agreement": None,
        "difference": None,
    }
    scores["intervals"]["annotator_agreement"] = None
    if judged.any() and (votes[judged].sum(axis=1) > 1).all():
        annotator = annotator_agreement(votes[judged])
        agrees = (majority == predictions.predicted)[judged]
        columns = {"annotator_agreement": annotator, "difference": agrees - annotator}
        intervals = mean_intervals(columns, predictions.label[judged])
        scores["annotator_agreement"] = float(annotator.mean())
        scores["intervals"]["annotator_agreement"] = intervals["annotator_agreement"]
        ends = intervals["difference"] or {"low": None, "high": None}
        scores["difference"] = {"difference": float(columns["difference"].mean()), **ends}
    return scores


def compare_majority(majority: Labels, label: Labels, predicted: Labels) -> dict[str, Any]:
    """Return the part of the result of :func:`score_majority` that does not need the votes, given the majority.

    Args:
        majority: (N,) classes.
        label: (N,) classes.
        predicted: (N,) classes.
    """
    n = len(majority)
    equal = {
        "prediction_agreement": predicted == majority,
        "label_agreement": label == majority,
        "accuracy": predicted == label,
    }
    counts = {name: int(column.sum()) for name, column in equal.items()}
    wrong = ~equal["accuracy"]
    errors, for_prediction = int(wrong.sum()), int((wrong & equal["prediction_agreement"]).sum())
    for_label = int((wrong & equal["label_agreement"]).sum())
    return {
        "n": n,
        **{name: count / n if n else None for name, count in counts.items()},
        "errors": {
            "n": errors,
            "prediction": for_prediction,
            "label": for_label,
            "neither": errors - for_prediction - for_label,
            "prediction_share": for_prediction / errors if errors else None,
            "interval": wilson(for_prediction, errors),
        },
        "intervals": {name: wilson(count, n) for name, count in counts.items()},
    }


def score_votes(votes: npt.NDArray[np.float64], predictions: Predictions) -> dict[str, Any]:
    """Compare probabilities and predicted classes with the distribution of votes.

    With v_k the fraction of an image's votes for class k, p_k the probability and c the predicted class, as means over
    images: ``kl`` is KL(v || p) = sum_k v_k log(v_k / p_k) in nats, at least 0; ``expected_agreement`` is v_c, the
    probability that a randomly chosen annotator agrees with the network. Two references do not depend on the network:
    ``highest_agreement`` is max_k v_k, the maximum for any single answer; ``annotator_agreement`` is the probability
    that two different annotators of an image agree, sum_k n_k (n_k - 1) / (n (n - 1)) (Fleiss 1971, Eq. 2).

    Args:
        votes: (N, K) counts of the classes, in the order of ``predictions``: ``table.votes[predictions.index]``.
        predictions: Predictions for the same images.

    Returns:
        ``n`` images with votes, and the scores above; images without votes are left out. Scores are None if there are
        no images, ``annotator_agreement`` also if no image has two votes, and ``kl`` if a probability is not a number.
        ``intervals``: the interval of each score (``mean_intervals``), None for a score that is None.

    Raises:
        ValueError: The shape differs from that of the probabilities, or votes are not whole numbers >= 0.
    """
    import torch
    from torchmetrics.functional.regression import kl_divergence

    if votes.shape != predictions.probabilities.shape:
        raise ValueError(
            f"votes of shape {votes.shape} beside probabilities of shape {predictions.probabilities.shape}"
        )
    _check_counts(votes)
    cast = votes.sum(1)
    voted, several = np.flatnonzero(cast > 0), np.flatnonzero(cast > 1)
    scores: dict[str, Any] = (
        {"n": len(voted)} | dict.fromkeys(_VOTE_SCORES) | {"intervals": dict.fromkeys(_VOTE_SCORES)}
    )
    shares = votes[voted] / cast[voted, None]
    # A probability that underflows to 0 would make the mean infinite; this limits it to 708 nats per image.
    probabilities = np.maximum(predictions.probabilities[voted], np.finfo(np.float64).tiny)
    of_voted = {
        "kl": kl_divergence(torch.from_numpy(shares), torch.from_numpy(probabilities), reduction="none").numpy(),
        "expected_agreement": shares[np.arange(len(voted)), predictions.predicted[voted]],
        "highest_agreement": shares.max(1),
    }
    pairs = (votes * (votes - 1)).sum(1)[several] / (cast * (cast - 1))[several]
    for rows, columns in ((voted, of_voted), (several, {"annotator_agreement": pairs})):
        defined = {name: values for name, values in columns.items() if len(rows) and np.isfinite(values).all()}
        scores |= {name: float(values.mean()) for name, values in defined.items()}
        if defined:
            scores["intervals"] |= mean_intervals(defined, predictions.label[rows])
    return scores


def _check_counts(votes: Votes) -> None:
    if not np.isfinite(votes).all() or (votes < 0).any() or (votes % 1).any():
        raise ValueError("votes must be counts: whole numbers from 0")
