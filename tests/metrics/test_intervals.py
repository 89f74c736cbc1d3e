"""Intervals: known values, bounds, coverage."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sk

from fer_plugins.metrics import intervals
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.scorer import Scorer

MATRICES = st.integers(2, 6).flatmap(
    lambda k: arrays.arrays(np.int64, (k, k), elements=st.integers(0, 30)).filter(lambda m: m.sum() > 0)
)


def expand(matrix):
    """Labels and predictions whose confusion matrix this is."""
    true, predicted = np.indices(matrix.shape)
    return np.repeat(true.ravel(), matrix.ravel()), np.repeat(predicted.ravel(), matrix.ravel())


def score_intervals(matrix, classes):
    """The intervals of a split with this confusion matrix."""
    label, predicted = expand(matrix)
    scorer = Scorer(classes)
    scorer.update(torch.arange(len(label)), torch.eye(len(classes))[predicted], torch.as_tensor(label))
    return scorer.compute()["intervals"]


def test_wilson_has_the_value_worked_out_by_hand():
    # Wilson 1927: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
    hits, size, z = 4693, 7178, 1.959963984540054
    p = hits / size
    middle = (p + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z * np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2)) / (1 + z**2 / size)
    interval = intervals.wilson(hits, size)
    assert interval["low"] == pytest.approx(middle - half, abs=1e-12)
    assert interval["high"] == pytest.approx(middle + half, abs=1e-12)
    assert interval["method"] == "wilson"
    assert interval["level"] == 0.95


def test_wilson_at_the_ends():
    assert intervals.wilson(0, 0) is None
    assert intervals.wilson(0, 10)["low"] == 0
    assert intervals.wilson(10, 10)["high"] == 1
    assert intervals.wilson(10, 10)["low"] < 0.75


@given(MATRICES)
@settings(deadline=None, max_examples=60)
def test_macro_scores_equal_scikit_learn(matrix):
    label, predicted = expand(matrix)
    present = np.flatnonzero(matrix.sum(1))
    ours = macro_scores(matrix)
    p, r, f, _ = sk.precision_recall_fscore_support(label, predicted, labels=present, average="macro", zero_division=0)
    assert ours["precision"] == pytest.approx(p, abs=1e-12)
    assert ours["recall"] == pytest.approx(r, abs=1e-12)
    assert ours["f1"] == pytest.approx(f, abs=1e-12)
    assert ours["balanced_accuracy"] == ours["recall"]
    specificity = [sk.recall_score(label == k, predicted == k, pos_label=False, zero_division=0) for k in present]
    assert ours["specificity"] == pytest.approx(np.mean(specificity), abs=1e-12)
    if len(np.union1d(label, predicted)) > 1:  # else po = pe = 1, where scikit-learn has nan
        assert ours["kappa"] == pytest.approx(sk.cohen_kappa_score(label, predicted), abs=1e-12)
        assert ours["mcc"] == pytest.approx(sk.matthews_corrcoef(label, predicted), abs=1e-12)
        assert ours["f1_weighted"] == pytest.approx(
            sk.f1_score(label, predicted, average="weighted", zero_division=0), abs=1e-12
        )


@given(MATRICES)
@settings(deadline=None, max_examples=20)
def test_intervals_of_a_matrix_stay_in_range_hold_the_score_and_repeat(matrix):
    first, exact = intervals.matrix_intervals(matrix), macro_scores(matrix)
    assert first == intervals.matrix_intervals(matrix)
    assert first.keys() == exact.keys()
    for name, interval in first.items():
        assert (-1 if name in ("kappa", "mcc") else 0) <= interval["low"] <= interval["high"] <= 1
        assert interval["low"] - 1e-12 <= exact[name] <= interval["high"] + 1e-12


def test_square_and_add_agrees_with_theory():
    # Balanced accuracy is the mean of K independent shares: variance sum p(1-p)/n / K^2.
    matrix = 9 * np.array([[80, 10, 10], [30, 150, 20], [5, 5, 40]])
    n = matrix.sum(1)
    p = matrix.diagonal() / n
    sd = np.sqrt((p * (1 - p) / n).sum()) / 3
    interval = intervals.matrix_intervals(matrix)["balanced_accuracy"]
    assert interval["low"] == pytest.approx(p.mean() - 1.96 * sd, abs=0.15 * sd)
    assert interval["high"] == pytest.approx(p.mean() + 1.96 * sd, abs=0.15 * sd)
    # by hand: two Wilson intervals 0.2 to 0.5 and 0.6 to 0.9 around 0.3 and 0.8
    low, high = intervals.square_and_add(np.array([0.3, 0.8]), np.array([[0.2, 0.5], [0.6, 0.9]]), np.eye(2))
    assert low == pytest.approx(0.55 - np.hypot(0.1, 0.2) / 2)
    assert high == pytest.approx(0.55 + np.hypot(0.2, 0.1) / 2)


def test_the_delta_method_agrees_with_the_bootstrap_of_a_large_matrix():
    matrix = 40 * np.array([[60, 30, 10], [20, 150, 30], [5, 5, 40]])
    intervals_by_metric = intervals.matrix_intervals(matrix)
    random = np.random.default_rng(0)
    fixed = macro_scores(np.stack([random.multinomial(row.sum(), row / row.sum(), 4000) for row in matrix], axis=1))
    drawn = macro_scores(random.multinomial(matrix.sum(), (matrix / matrix.sum()).ravel(), 4000).reshape(-1, 3, 3))
    for name in ("f1", "precision", "specificity", "precision_weighted", "f1_weighted", "kappa", "mcc"):
        width = intervals_by_metric[name]["high"] - intervals_by_metric[name]["low"]
        narrow, wide = (2 * 1.96 * scores[name].std() for scores in (fixed, drawn))
        assert 0.93 * narrow < width < 1.07 * wide, name


def test_intervals_of_a_matrix_cover_the_truth_about_95_times_in_100():
    shares = np.array([[0.7, 0.2, 0.1], [0.25, 0.6, 0.15], [0.1, 0.1, 0.8]])
    sizes = np.array([100, 40, 9])
    truth = macro_scores(sizes[:, None] * shares)
    random = np.random.default_rng(5)
    covered = dict.fromkeys(truth, 0)
    for _ in range(200):
        matrix = np.stack([random.multinomial(n, row) for n, row in zip(sizes, shares, strict=True)])
        for name, interval in intervals.matrix_intervals(matrix).items():
            covered[name] += interval["low"] <= truth[name] <= interval["high"]
    assert all(0.90 <= count / 200 <= 0.995 for count in covered.values()), covered


def test_a_perfect_matrix_has_an_interval_with_a_width():
    for name in ("f1", "balanced_accuracy", "kappa"):
        interval = intervals.matrix_intervals(np.diag([5, 6, 7]))[name]
        assert interval["low"] < 0.9
        assert interval["high"] == 1


def test_score_intervals_have_none_where_nothing_divides():
    matrix = np.array([[4, 1, 0], [2, 3, 0], [0, 0, 0]])
    every = score_intervals(matrix, ["a", "b", "c"])
    assert every["accuracy"] == intervals.wilson(7, 10)
    first = every["per_class"]["a"]
    assert first["precision"] == intervals.wilson(4, 6)
    assert first["recall"] == intervals.wilson(4, 5)
    assert first["specificity"] == intervals.wilson(3, 5)
    assert every["per_class"]["c"] == dict.fromkeys(
        ("precision", "recall", "f1", "specificity", "auroc", "average_precision")
    )
    assert every["specificity"]["low"] > 0
    alone = score_intervals(np.array([[3, 1], [0, 0]]), ["a", "b"])
    assert alone["specificity"] is alone["specificity_weighted"] is None
    assert alone["per_class"]["a"]["specificity"] is None


def test_f1_of_a_class_rises_with_the_share_of_hits_in_what_is_of_the_class_or_called_so():
    matrix = np.array([[30, 10], [20, 140]])
    interval = score_intervals(matrix, ["a", "b"])["per_class"]["a"]["f1"]
    shares = intervals.wilson(30, 60)
    assert 2 * 30 / (40 + 50) == pytest.approx(2 * (30 / 60) / (1 + 30 / 60))
    assert [interval["low"], interval["high"]] == [2 * shares[end] / (1 + shares[end]) for end in ("low", "high")]
    never = score_intervals(np.array([[0, 5], [0, 5]]), ["a", "b"])["per_class"]["a"]["f1"]
    assert never["low"] == 0 < never["high"]


def test_what_equals_accuracy_or_rises_with_it_has_its_interval():
    every = score_intervals(np.array([[4, 1, 0], [2, 3, 0], [1, 1, 8]]), ["a", "b", "c"])
    accuracy = intervals.wilson(15, 20)
    for name in ("accuracy", "recall_weighted", "precision_micro", "recall_micro", "f1_micro"):
        assert every[name] == accuracy
    assert every["specificity_micro"]["low"] == pytest.approx(1 - (1 - accuracy["low"]) / 2)
    assert every["specificity_micro"]["high"] == pytest.approx(1 - (1 - accuracy["high"]) / 2)


def test_weighted_scores_hold_scikit_learns():
    matrix = np.array([[60, 30, 10], [20, 150, 30], [5, 5, 40]])
    label, predicted = expand(matrix)
    every = score_intervals(matrix, ["a", "b", "c"])
    precision = sk.precision_score(label, predicted, average="weighted")
    assert every["precision_weighted"]["low"] < precision < every["precision_weighted"]["high"]
    specificities = [sk.recall_score(label == k, predicted == k, pos_label=False) for k in range(3)]
    specificity = np.average(specificities, weights=matrix.sum(1))
    assert every["specificity_weighted"]["low"] < specificity < every["specificity_weighted"]["high"]
    assert every["specificity_weighted"]["high"] - every["specificity_weighted"]["low"] < 0.1
