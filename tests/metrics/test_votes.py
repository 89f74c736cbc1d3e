"""Predictions, labels and one more annotator against the majority of the votes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.votes import annotator_agreement, find_majority, score_majority


def predictions_of(label, predicted, classes=3):
    label, predicted = np.array(label), np.array(predicted)
    probabilities = np.full((len(label), classes), 0.1)
    probabilities[np.arange(len(label)), predicted] = 0.8
    correct = int((label == predicted).sum())
    return Predictions(np.arange(len(label)), label, predicted, probabilities, np.ones(len(label)), correct)


# Three classes, then contempt, unknown, no face.
VOTES = [
    [10, 0, 0, 0, 0, 0],  # class 0
    [2, 7, 0, 0, 1, 0],  # class 1
    [1, 1, 8, 0, 0, 0],  # class 2
    [0, 6, 0, 4, 0, 0],  # class 1, though contempt has four
    [5, 5, 0, 0, 0, 0],  # tied
    [0, 3, 0, 6, 1, 0],  # contempt
    [0, 0, 0, 0, 0, 10],  # no face
    [0, 0, 0, 0, 0, 0],  # no vote
]


def test_ties_other_answers_and_no_votes_have_no_class():
    assert find_majority(np.array(VOTES, float), 3).tolist() == [0, 1, 2, 1, -1, -2, -2, -3]


def test_scores_by_hand():
    """Of the four judged images: labels 0 0 2 1, predictions 0 1 1 2; the votes say 0 1 2 1."""
    scores = score_majority(np.array(VOTES, float), predictions_of([0, 0, 2, 1, 0, 0, 0, 0], [0, 1, 1, 2, 0, 1, 1, 1]))
    assert [scores[name] for name in ("n", "tied", "outside", "unvoted")] == [4, 1, 2, 1]
    assert (scores["prediction_agreement"], scores["label_agreement"], scores["accuracy"]) == (0.5, 0.75, 0.25)
    # One vote left out: 10 of 10; 7 of 10; 8 of 10; 6 of 10, of which none ties (5 against 4).
    assert scores["annotator_agreement"] == pytest.approx((1 + 0.7 + 0.8 + 0.6) / 4)
    assert scores["difference"]["difference"] == pytest.approx(0.5 - 0.775)
    errors = scores["errors"]
    assert [errors[name] for name in ("n", "prediction", "label", "neither")] == [3, 1, 2, 0]
    assert errors["interval"]["low"] < errors["prediction_share"] == 1 / 3 < errors["interval"]["high"]
    assert scores["intervals"]["annotator_agreement"] is scores["difference"]["low"] is None  # too few images
    for name in ("prediction_agreement", "label_agreement", "accuracy"):
        assert scores["intervals"][name]["low"] <= scores[name] <= scores["intervals"][name]["high"]


def test_nothing_to_judge_is_none_and_wrong_votes_are_refused():
    scores = score_majority(np.array(VOTES[4:], float), predictions_of([0] * 4, [1] * 4))
    assert scores["n"] == 0
    assert scores["label_agreement"] is scores["annotator_agreement"] is scores["errors"]["prediction_share"] is None
    for votes in (np.ones((4, 2)), np.ones((3, 6)), np.full((4, 6), 0.5), np.full((4, 6), -1.0)):
        with pytest.raises(ValueError, match="votes"):
            score_majority(votes, predictions_of([0] * 4, [1] * 4))


def leave_one_out(votes):
    """The definition, vote by vote."""
    cast = [answer for answer, number in enumerate(votes) for _ in range(number)]
    agreement = 0.0
    for left_out, answer in enumerate(cast):
        rest = np.bincount(cast[:left_out] + cast[left_out + 1 :], minlength=len(votes))
        top = np.flatnonzero(rest == rest.max())
        agreement += float(answer in top) / len(top)
    return agreement / len(cast)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=6).filter(lambda votes: sum(votes) > 1))
def test_one_more_annotator_is_the_leave_one_out_of_its_definition(votes):
    assert annotator_agreement(np.array([votes], float))[0] == pytest.approx(leave_one_out(votes))
