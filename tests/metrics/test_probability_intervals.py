"""Intervals of the scores of probabilities: exact areas of every draw, degenerate splits, coverage."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import logit
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from fer_plugins.metrics import resampling
from fer_plugins.metrics.calibration import find_gaps
from fer_plugins.metrics.curve_areas import CurveAreas
from fer_plugins.metrics.intervals import mean_intervals
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.probability_intervals import ece_interval
from fer_plugins.metrics.resampling import DRAWS, draw_images, draw_sums
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.metrics.scores import score

CLASSES = ["anger", "disgust", "fear", "happy"]


def made(logits, label):
    """The predictions of a network that gives these logits."""
    scorer = Scorer([f"class {k}" for k in range(np.shape(logits)[1])])
    scorer.update(torch.arange(len(label)), torch.as_tensor(logits, dtype=torch.float64), torch.as_tensor(label))
    return scorer.predictions()


def skilled(random, sizes, skill):
    """Gaussian logits of a network with some skill."""
    label = np.repeat(np.arange(len(sizes)), sizes)
    return made(random.normal(size=(len(label), len(sizes))) + skill * np.eye(len(sizes))[label], label)


def by_class(label, seed, draws=DRAWS):
    return draw_images(len(label), seed, strata=label, draws=draws)


# --- the draws


def test_every_draw_has_the_class_counts_and_is_the_same_again(monkeypatch):
    label = np.array([2, 0, 0, 2, 2, 5])
    drawn = np.concatenate(list(by_class(label, 3)), axis=1)
    assert drawn.shape == (6, 2000)
    for k in (0, 2, 5):
        assert (drawn[label == k].sum(0) == (label == k).sum()).all()
    assert drawn.mean(1) == pytest.approx(np.ones(6), abs=0.08)
    assert np.array_equal(drawn, np.concatenate(list(by_class(label, 3)), axis=1))
    assert (drawn != np.concatenate(list(by_class(label, 4)), axis=1)).any()
    monkeypatch.setattr(resampling, "CELLS", 6 * 300)
    assert [chunk.shape for chunk in by_class(label, 3)] == [(6, 300)] * 6 + [(6, 200)]
    monkeypatch.setattr(resampling, "CELLS", 1)  # fewer than there are images
    assert sum(chunk.shape[1] for chunk in by_class(label, 3)) == 2000


def test_sums_and_areas_see_the_same_draws():
    label = np.repeat([0, 1], 20)
    drawn = np.concatenate(list(by_class(label, 7)), axis=1)
    assert np.array_equal(draw_sums(np.eye(40), by_class(label, 7)), drawn.T)


def test_an_interval_of_a_mean_agrees_with_theory():
    random = np.random.default_rng(0)
    label = np.repeat([0, 1], [3000, 1000])
    values = random.exponential(size=4000) + label
    within = sum((label == k).sum() * values[label == k].var() for k in (0, 1)) / 4000
    sd = math.sqrt((within + values.var()) / 2 / 4000)  # halfway between fixed and random class counts
    interval = mean_intervals({"loss": values}, label)["loss"]
    assert interval["low"] == pytest.approx(values.mean() - 1.96 * sd, abs=0.15 * sd)
    assert interval["high"] == pytest.approx(values.mean() + 1.96 * sd, abs=0.15 * sd)


def test_equal_values_have_an_interval_without_width():
    for value in (0.1, math.log(7), 1 / 3):
        interval = mean_intervals({"loss": np.full(77, value)}, np.arange(77) % 7)["loss"]
        assert interval["low"] <= value <= interval["high"]
        assert interval["high"] - interval["low"] < 1e-14


def test_a_mean_that_a_handful_of_images_decides_has_no_interval():
    values = np.zeros(200)
    values[:3] = 5.0, 9.0, 7.0
    assert mean_intervals({"loss": values, "brier": np.arange(200.0)}, np.zeros(200, int))["loss"] is None
    assert mean_intervals({"brier": np.arange(200.0)}, np.zeros(200, int))["brier"] is not None
    assert mean_intervals({"brier": np.arange(4.0)}, np.zeros(4, int))["brier"] is None
    skewed = np.random.default_rng(0).exponential(size=2000)
    interval = mean_intervals({"loss": skewed}, np.zeros(2000, int))["loss"]
    assert interval["high"] - skewed.mean() > skewed.mean() - interval["low"]  # the long tail is above


# --- the areas of a draw


@given(
    st.integers(0, 2**31), st.integers(2, 80), st.integers(2, 5), st.sampled_from([1, 2, 4, 10**9]),
    st.sampled_from(["drawn", "once", "any"]),
)  # fmt: skip
@settings(deadline=None, max_examples=80)
def test_areas_equal_scikit_learn_with_weights_and_torchmetrics_with_repeated_images(seed, size, classes, steps, how):
    random = np.random.default_rng(seed)
    label = np.concatenate([random.permutation(classes)[:2], random.integers(0, classes, size)])
    probabilities = random.integers(0, steps, (len(label), classes)) / steps
    if how == "drawn":
        counts = next(by_class(label, seed, 3))
    elif how == "once":
        counts = np.ones((len(label), 1))
    else:  # images may be left out, as long as each class has one
        counts = random.integers(0, 3, (len(label), 3)).astype(float)
        counts[np.unique(label, return_index=True)[1]] += 1
    curves = CurveAreas(probabilities, label)
    assert curves.present.tolist() == np.unique(label).tolist()
    roc, precision = curves.compute(counts)
    for place, k in enumerate(curves.present):
        for draw, weights in enumerate(counts.T):
            own, value = label == k, probabilities[:, k]
            assert roc[place, draw] == pytest.approx(sk.roc_auc_score(own, value, sample_weight=weights), abs=1e-12)
            assert precision[place, draw] == pytest.approx(
                sk.average_precision_score(own, value, sample_weight=weights), abs=1e-12
            )
            repeated = np.repeat(np.arange(len(label)), weights.astype(int))
            pair = torch.from_numpy(value[repeated]), torch.from_numpy(own[repeated].astype(np.int64))
            assert roc[place, draw] == pytest.approx(float(binary_auroc(*pair)), abs=1e-6)
            assert precision[place, draw] == pytest.approx(float(binary_average_precision(*pair)), abs=1e-6)


def test_degenerate_areas():
    label = np.array([0, 0, 1, 1, 1])
    ones = np.ones((5, 1))
    perfect = np.array([0.9, 0.8, 0.7, 0.1, 0.0])
    for value, roc, precision in ((perfect, 1, 1), (1 - perfect, 0, (1 / 4 + 2 / 5) / 2), (np.full(5, 0.3), 0.5, 0.4)):
        areas = CurveAreas(np.column_stack([value, 1 - value]), label).compute(ones)
        assert areas[0][:, 0] == pytest.approx([roc, roc])
        assert areas[1][0, 0] == pytest.approx(precision)


# --- the intervals


@given(
    st.integers(0, 2**31), st.integers(1, 150), st.integers(1, 4), st.sampled_from([1, 3, 10**6]),
    st.sampled_from([0.0, 1.0, 50.0, 2000.0]),
)  # fmt: skip
@example(seed=251, size=36, present=3, steps=3, skill=1.0)  # torchmetrics' average precision is above 1 in float32
@settings(deadline=None, max_examples=40)
def test_every_score_has_an_interval_that_holds_it(seed, size, present, steps, skill):
    random = np.random.default_rng(seed)
    label = random.integers(0, present, size)
    logits = random.integers(0, steps, (size, 4)) / steps + skill * np.eye(4)[random.permutation(4)][label]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score(made(logits, label), CLASSES, seed=seed)
    assert_every_score_has_an_interval(scores)


def assert_every_score_has_an_interval(scores):
    assert set(scores["intervals"]["per_class"]) == set(scores["per_class"])
    predicted = dict(zip(scores["classes"], np.sum(scores["confusion_matrix"], axis=0), strict=True))
    rows = [(scores, scores["intervals"], None)]
    rows += [(row, scores["intervals"]["per_class"][name], name) for name, row in scores["per_class"].items()]
    for values, intervals, name in rows:
        names = {key for key, value in values.items() if isinstance(value, float) or value is None}
        assert set(intervals) - {"per_class"} == names
        for key in names:
            if values[key] is None or (key == "precision" and name and not predicted[name]):
                assert intervals[key] is None, key
                continue
            if key in ("loss", "brier") and intervals[key] is None:
                continue  # too few images
            assert 0 <= intervals[key]["high"] - intervals[key]["low"]
            assert intervals[key]["low"] - 1e-12 <= values[key] <= intervals[key]["high"] + 1e-12, key
            if key not in ("loss", "brier", "kappa", "mcc"):
                assert 0 <= intervals[key]["low"], key
                assert intervals[key]["high"] <= 1, key


@pytest.mark.parametrize(
    ("label", "logits"),
    [
        ([2], np.eye(4)[[2]]),  # one image
        ([2], np.eye(4)[[0]]),
        ([1, 1, 1], np.eye(4)[[0, 1, 2]]),  # one class
        ([0, 1, 2, 3], np.zeros((4, 4))),  # one image of each class, the same probability everywhere
        (np.arange(200) % 4, np.zeros((200, 4))),
        (np.arange(200) % 4, 2000 * np.eye(4)[np.arange(200) % 4]),  # certain and right
        (np.arange(200) % 4, 2000 * np.eye(4)[(np.arange(200) + 1) % 4]),  # certain and wrong
        (np.arange(200) % 3, np.random.default_rng(0).normal(size=(200, 4))),  # a class is absent
    ],
)
def test_degenerate_splits(label, logits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score(made(logits, np.asarray(label)), CLASSES)
    assert_every_score_has_an_interval(scores)


def test_a_network_that_gives_no_numbers_has_no_intervals_of_probabilities():
    logits = np.eye(4)[np.arange(40) % 4]
    logits[3] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        intervals = score(made(logits, np.arange(40) % 4), CLASSES)["intervals"]
    names = ("loss", "brier", "ece", "auroc", "average_precision", "top2_accuracy")
    assert [intervals[name] for name in names] == [None] * 6
    assert intervals["per_class"]["anger"]["auroc"] is None
    assert intervals["per_class"]["anger"]["recall"] is not None


def test_the_same_answer_for_every_image_has_an_auroc_of_one_half_in_every_draw():
    intervals = score(made(np.zeros((200, 4)), np.arange(200) % 4), CLASSES)["intervals"]
    for interval in (intervals["auroc"], intervals["per_class"]["fear"]["auroc"]):
        assert [interval["low"], interval["high"]] == [0.5, 0.5]


def test_areas_lie_on_the_logit_scale():
    predictions = skilled(np.random.default_rng(0), [80, 60, 100, 70], 1.0)
    scores = score(predictions, CLASSES)
    curves = CurveAreas(predictions.probabilities, predictions.label)
    draws = [
        np.concatenate(parts, axis=1)
        for parts in zip(*map(curves.compute, by_class(predictions.label, 0)), strict=True)
    ]
    for name, drawn in zip(("auroc", "average_precision"), draws, strict=True):
        for where, value, sample in (
            (scores["intervals"], scores[name], drawn.mean(0)),
            (scores["intervals"]["per_class"]["fear"], scores["per_class"]["fear"][name], drawn[2]),
        ):
            half = logit(where[name]["high"]) - logit(value)
            assert logit(value) - logit(where[name]["low"]) == pytest.approx(half, abs=1e-5)
            # Student's t of about 40 images that carry the faults: 1.96 to 2.06
            assert 1.96 <= half / (sample.std(ddof=1) / (value * (1 - value))) <= 2.06
            assert where[name]["method"] == "logit, Student's t"


def test_a_class_of_few_images_and_one_without_a_fault_have_wilsons_interval():
    predictions = skilled(np.random.default_rng(1), [2, 60, 100, 70], 1.0)
    scores = score(predictions, CLASSES)
    few = scores["per_class"]["anger"]
    for name in ("auroc", "average_precision"):
        low, high = proportion_confint(2 * few[name], 2, method="wilson")
        interval = scores["intervals"]["per_class"]["anger"][name]
        assert [interval["low"], interval["high"]] == pytest.approx([low, high], abs=1e-6)
        assert scores["intervals"]["per_class"]["fear"][name]["method"].startswith("logit")
        assert scores["intervals"][name]["method"].endswith("square-and-add")
    perfect = score(made(np.eye(4)[np.arange(400) % 4], np.arange(400) % 4), CLASSES)["intervals"]
    low = proportion_confint(100, 100, method="wilson")[0]
    assert perfect["per_class"]["happy"]["auroc"]["low"] == pytest.approx(low)
    assert perfect["auroc"]["low"] == pytest.approx(1 - (1 - low) / 2)  # sqrt(4 (1 - low)^2) / 4
    assert perfect["auroc"]["high"] == perfect["average_precision"]["high"] == 1


def calibrated(random, size, temperature=1.0):
    """Labels drawn from a network's own probabilities; with another temperature it is over- or underconfident."""
    logits = 2.2 * random.normal(size=(size, 4))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    label = (shares.cumsum(1) < random.random((size, 1))).sum(1)
    return made(logits * temperature, np.minimum(label, 3))


def test_the_calibration_error_of_a_calibrated_network_may_be_0():
    """Percentiles of the draws never say so: each draw adds to the distance from 0."""
    random = np.random.default_rng(0)
    holds, percentiles_hold = 0, 0
    for trial in range(30):
        predictions = calibrated(random, 500)
        interval = ece_interval(predictions, trial)
        holds += interval["low"] == 0 < interval["high"]
        drawn = np.abs(draw_sums(find_gaps(predictions), by_class(predictions.label, trial))).sum(1) / 500
        percentiles_hold += np.quantile(drawn, 0.025) < 0.01
    assert holds >= 27
    assert percentiles_hold == 0


def test_the_calibration_error_of_an_overconfident_network_is_above_0():
    random = np.random.default_rng(0)
    truth = score(calibrated(random, 200_000, 3.0), CLASSES, intervals=False)["ece"]
    intervals = [ece_interval(calibrated(random, 500, 3.0), trial) for trial in range(30)]
    assert sum(interval["low"] <= truth <= interval["high"] for interval in intervals) >= 27
    assert min(interval["low"] for interval in intervals) > 0.05
    assert max(interval["high"] - interval["low"] for interval in intervals) < 0.12


def test_intervals_cover_the_truth_about_95_times_in_100():
    random = np.random.default_rng(3)
    sizes, names = np.array([90, 60, 40, 110]), ("loss", "brier", "auroc", "average_precision")
    truth = score(skilled(random, 400 * sizes, 1.5), CLASSES, intervals=False)
    covered = dict.fromkeys(names, 0)
    for trial in range(80):
        intervals = score(skilled(random, sizes, 1.5), CLASSES, seed=trial)["intervals"]
        for name in names:
            covered[name] += intervals[name]["low"] <= truth[name] <= intervals[name]["high"]
    assert min(covered.values()) >= 70  # with 95 % a chance of one in a thousand to be lower; the seeds are fixed


def test_memory_is_bounded_for_many_images():
    predictions = skilled(np.random.default_rng(0), [7000, 7000, 7000, 7000], 1.0)
    assert max(chunk.size for chunk in by_class(predictions.label, 0, 100)) <= resampling.CELLS


def test_predictions_of_any_order_have_the_same_areas():
    random = np.random.default_rng(5)
    sorted_predictions = skilled(random, [40, 50, 60, 70], 1.0)
    order = random.permutation(220)
    shuffled = Predictions(
        sorted_predictions.index,
        sorted_predictions.label[order],
        sorted_predictions.predicted[order],
        sorted_predictions.probabilities[order],
        sorted_predictions.loss[order],
        sorted_predictions.correct,
    )
    ones = np.ones((220, 1))
    for a, b in zip(
        CurveAreas(sorted_predictions.probabilities, sorted_predictions.label).compute(ones),
        CurveAreas(shuffled.probabilities, shuffled.label).compute(ones),
        strict=True,
    ):
        assert a == pytest.approx(b, abs=1e-14)
