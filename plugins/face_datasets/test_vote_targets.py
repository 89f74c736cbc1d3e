"""Scores against votes, by hand and by scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.votes import score_votes

NAMES = ("kl", "expected_agreement", "highest_agreement", "annotator_agreement")


def made(probabilities):
    probabilities = np.asarray(probabilities, dtype=np.float64)
    size = len(probabilities)
    zeros = np.zeros(size, dtype=np.int64)
    return Predictions(np.arange(size), zeros, probabilities.argmax(1), probabilities, np.zeros(size), 0)


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(2, 8))
@settings(deadline=None, max_examples=40)
def test_equal_to_scipy_and_to_votes_drawn_one_by_one(seed, size, classes):
    random = np.random.default_rng(seed)
    votes = random.multinomial(random.integers(0, 11), random.dirichlet(np.ones(classes)), size).astype(np.float64)
    predictions = made(random.dirichlet(np.ones(classes), size))
    scores = score_votes(votes, predictions)
    rows = [n for n in range(size) if votes[n].sum()]
    assert scores["n"] == len(rows)
    if not rows:
        assert scores == {"n": 0, **dict.fromkeys(NAMES), "intervals": dict.fromkeys(NAMES)}
        return
    for name in NAMES:
        interval = scores["intervals"][name]
        assert interval is None or interval["low"] <= scores[name] <= interval["high"]
        assert interval is None or scores[name] is not None
    assert scores["kl"] == pytest.approx(np.mean([entropy(votes[n], predictions.probabilities[n]) for n in rows]))
    cast = [np.repeat(np.arange(classes), votes[n].astype(int)) for n in rows]
    message = predictions.predicted[rows]
    assert scores["expected_agreement"] == pytest.approx(
        np.mean([(one == c).mean() for one, c in zip(cast, message, strict=True)])
    )
    assert scores["highest_agreement"] >= scores["expected_agreement"] - 1e-12
    pairs = [np.mean([one[i] == one[j] for i in range(len(one)) for j in range(i)]) for one in cast if len(one) > 1]
    assert scores["annotator_agreement"] == (pytest.approx(np.mean(pairs)) if pairs else None)


def test_a_case_worked_out():
    scores = score_votes(np.array([[8.0, 2.0, 0.0], [0.0, 0.0, 0.0]]), made([[0.3, 0.6, 0.1], [1, 0, 0]]))
    intervals = scores.pop("intervals")
    assert set(intervals.values()) == {None}  # of one image
    assert scores == pytest.approx(
        {
            "n": 1,
            "kl": 0.8 * np.log(0.8 / 0.3) + 0.2 * np.log(0.2 / 0.6),
            "expected_agreement": 0.2,
            "highest_agreement": 0.8,
            "annotator_agreement": (8 * 7 + 2 * 1) / 90,
        }
    )


def test_probabilities_equal_to_the_votes_have_no_divergence():
    assert score_votes(np.array([[1.0, 3.0]]), made([[0.25, 0.75]]))["kl"] == pytest.approx(0, abs=1e-15)


def test_unanimous_annotators():
    scores = score_votes(np.array([[10.0, 0.0]] * 2), made([[0.5, 0.5], [0.0, 1.0]]))
    assert scores["annotator_agreement"] == scores["highest_agreement"] == 1
    assert scores["expected_agreement"] == 0.5
    assert np.log(2) / 2 < scores["kl"] < 360  # finite, where a probability has underflown to 0


def test_one_vote_an_image_has_no_pairs():
    assert score_votes(np.array([[1.0, 0.0]]), made([[0.5, 0.5]]))["annotator_agreement"] is None


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ([[1.0, 2.0, 3.0]], "shape"),
        ([[-1.0, 2.0]], "whole numbers"),
        ([[np.nan, 2.0]], "whole"),
        ([[0.5, 0.5]], "whole"),
    ],
)
def test_votes_that_are_none(votes, said):
    with pytest.raises(ValueError, match=said):
        score_votes(np.array(votes), made([[0.5, 0.5]]))


def test_the_intervals_are_those_of_means_over_images():
    random = np.random.default_rng(0)
    votes = random.multinomial(10, [0.5, 0.3, 0.2], 400).astype(np.float64)
    predictions = made(random.dirichlet(np.ones(3), 400))
    scores = score_votes(votes, predictions)
    kept = votes[np.arange(400), predictions.predicted] / 10
    half = 1.96 * kept.std() / 20
    interval = scores["intervals"]["expected_agreement"]
    assert interval["low"] == pytest.approx(kept.mean() - half, abs=0.1 * half)
    assert interval["high"] == pytest.approx(kept.mean() + half, abs=0.1 * half)


def test_a_network_that_gives_no_numbers_has_no_divergence():
    predictions = made([[0.5, 0.5], [np.nan, np.nan]])
    scores = score_votes(np.array([[3.0, 1.0], [2.0, 2.0]]), predictions)
    assert scores["kl"] is scores["intervals"]["kl"] is None
    assert scores["expected_agreement"] == pytest.approx((0.75 + 0.5) / 2)
