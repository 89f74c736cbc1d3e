"""Calibration error, Brier score and reliability bins against sums written out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scored import score_calibration
from torchmetrics.functional.classification import multiclass_calibration_error

from fer_plugins.metrics.calibration import BINS, find_reliability
from fer_plugins.metrics.predictions import Predictions


def made(probabilities, label, predicted=None):
    probabilities, label = np.asarray(probabilities, dtype=np.float64), np.asarray(label)
    predicted = probabilities.argmax(1) if predicted is None else np.asarray(predicted)
    return Predictions(
        np.arange(len(label)), label, predicted, probabilities, np.zeros(len(label)), int((label == predicted).sum())
    )


def drawn(seed, size, classes, sharpness):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 1 / sharpness), size)
    return made(probabilities, random.integers(0, classes, size))


def by_hand(predictions):
    """The expected calibration error, image by image."""
    sums = [[0, 0.0, 0] for _ in range(BINS)]
    for p, predicted, true in zip(predictions.probabilities, predictions.predicted, predictions.label, strict=True):
        bin_sums = sums[min(int(p[predicted] * BINS), BINS - 1)]
        bin_sums[0], bin_sums[1], bin_sums[2] = (
            bin_sums[0] + 1,
            bin_sums[1] + p[predicted],
            bin_sums[2] + (predicted == true),
        )
    return sum(abs(hits - confidence) for _, confidence, hits in sums) / len(predictions)


@given(st.integers(0, 2**31), st.integers(1, 300), st.integers(2, 8), st.sampled_from([0.2, 1.0, 5.0, 200.0]))
@settings(deadline=None, max_examples=60)
def test_the_calibration_error_is_the_sum_over_bins(seed, size, classes, sharpness):
    predictions = drawn(seed, size, classes, sharpness)
    scores = score_calibration(predictions)
    assert scores["ece"] == pytest.approx(by_hand(predictions), abs=1e-9)
    bins = find_reliability(predictions)
    assert bins.count.sum() == size
    filled = bins.count > 0
    gaps = np.abs(bins.accuracy - bins.confidence)[filled]
    assert scores["ece"] == pytest.approx((gaps * bins.count[filled]).sum() / size, abs=1e-9)
    assert np.isnan(bins.accuracy[~filled]).all()
    assert (bins.edges[:-1][filled] <= bins.confidence[filled] + 1e-12).all()
    assert (bins.confidence[filled] <= bins.edges[1:][filled] + 1e-12).all()


def test_equal_to_torchmetrics_where_nothing_ties_and_nothing_is_certain():
    predictions = drawn(0, 500, 7, 3.0)
    theirs = multiclass_calibration_error(
        torch.from_numpy(predictions.probabilities), torch.from_numpy(predictions.label), 7, n_bins=BINS
    )
    assert score_calibration(predictions)["ece"] == pytest.approx(float(theirs), abs=1e-7)


def test_a_case_worked_out():
    # Three images at 0.9 of which two are right, one at 0.6 that is right.
    predictions = made([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.4, 0.6]], [0, 1, 1, 1])
    scores = score_calibration(predictions)
    assert scores["ece"] == pytest.approx(3 / 4 * (0.9 - 2 / 3) + 1 / 4 * (1 - 0.6))
    assert scores["brier"] == pytest.approx((0.02 + 0.02 + 2 * 0.81 + 2 * 0.16) / 4)
    bins = find_reliability(predictions)
    assert bins.count.tolist() == [0] * 9 + [1] + [0] * 3 + [3] + [0]
    assert bins.accuracy[13] == pytest.approx(2 / 3)


def test_certain_and_wrong_is_the_worst_of_both():
    assert score_calibration(made([[1.0, 0.0]] * 3, [1, 1, 1])) == pytest.approx({"brier": 2, "ece": 1})


def test_certain_and_right_is_the_best_of_both():
    predictions = made(np.eye(3), [0, 1, 2])
    assert score_calibration(predictions) == pytest.approx({"brier": 0, "ece": 0}, abs=1e-15)
    assert find_reliability(predictions).count.tolist() == [0] * 14 + [3]  # certainty has no bin of its own


def test_one_class_only_and_a_network_that_says_its_share():
    scores = score_calibration(made([[0.25] * 4] * 8, [2] * 8))  # ties: argmax says class 0, never right
    assert scores == pytest.approx({"brier": 0.75, "ece": 0.25})


def test_a_tie_is_broken_as_the_logits_broke_it():
    """Logits closer than rounding give equal probabilities: the confidence is that of the class that was said."""
    even = [[0.5, 0.5], [0.5, 0.5]]
    assert score_calibration(made(even, [1, 1], predicted=[1, 1]))["ece"] == pytest.approx(0.5)
    assert score_calibration(made(even, [1, 0], predicted=[1, 1]))["ece"] == pytest.approx(0)
