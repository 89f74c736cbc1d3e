"""Scores against the votes of several annotators (FER+): their distribution, and the majority of a second labelling."""

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
    """Return the answer with most votes of each image.

    Args:
        votes: (N, K + M) counts; the first K answers are the classes of the labels, the M others (contempt, unknown, no
            face) are none. They count as votes.
        classes: K.

    Returns:
        (N,) the class, or below 0 where no class has it: -1 several answers have equally many votes, -2 an answer that
        is no class has most, -3 there is no vote.
    """
    most = votes.max(axis=1)
    majority: Labels = votes.argmax(axis=1).astype(np.int64)
    majority[majority >= classes] = _OUTSIDE
    majority[(votes == most[:, None]).sum(axis=1) > 1] = _TIED
    majority[most == 0] = _UNVOTED
    return majority


def annotator_agreement(votes: Votes) -> npt.NDArray[np.float64]:
    """Return how often one more annotator agrees with the majority of the others, image by image, by leaving one out.

    With n_k of n votes for answer k, each vote is taken out in turn, and compared with the majority of the n - 1 that
    stay: 1 / n sum_k n_k [k in T_k] / |T_k|, where T_k are the answers with most votes once one vote for k is gone.
    Equal ones are equally likely to be called the majority. An answer that is no class agrees with no class.

    Args:
        votes: (N, A) counts, at least two an image.

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
    """Compare predictions and labels with the majority of the votes, over the images whose majority is a class.

    These images are chosen by all their votes, so the annotator who is left out had a part in the choice, and agrees
    slightly too often. He is compared with a majority of one vote less than the network is.

    Args:
        votes: (N, K + M) counts of the K classes and M further answers, in the order of ``predictions``.
        predictions: of the same images.

    Returns:
        ``n`` images whose majority is a class; ``tied``, ``outside`` and ``unvoted``: images left out, see
        :func:`find_majority`. Shares of the n: ``prediction_agreement`` of predictions with the majority,
        ``label_agreement`` of labels with it (what a network scores that always answers the majority),
        ``annotator_agreement`` (:func:`annotator_agreement`; of images with one vote None), ``accuracy`` of predictions
        by the labels, each with its ``intervals``. ``difference``: predictions' agreement less the annotator's, with
        its interval, paired. ``errors``: ``n`` of the predictions that are not the label, ``prediction``, ``label`` and
        ``neither``: images whose majority is that; ``prediction_share`` with its ``interval``. Without any image
        shares and intervals are None, with too few (``mean_intervals``) those of the annotator and of ``difference``.

    Raises:
        ValueError: not a row of votes for every prediction and a column for every class, or votes that are no counts.
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
    """Return what :func:`score_majority` says of images whose majority is known, less what needs the votes.

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
    # A probability that has underflown to 0 would make the mean infinite; so it stops at 708 nats an image.
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
