"""Intervals over subjects: wider than those over images where a person's images are alike."""

import numpy as np
import pytest

from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.subjects import subject_intervals


def answers(hit, label):
    predicted = np.where(hit, label, (label + 1) % 3)
    size = len(label)
    return Predictions(np.arange(size), label, predicted, np.eye(3)[predicted], np.zeros(size), int(hit.sum()))


def test_people_who_are_always_or_never_right_count_once():
    subjects = np.repeat([f"s{n}" for n in range(20)], 15)
    hit = np.repeat(np.arange(20) % 2 == 0, 15)
    predictions = answers(hit, np.arange(300) % 3)
    found = subject_intervals(predictions, subjects, 3)
    assert found["n"] == 20
    images = wilson(150, 300)
    # 2.5 % of Binomial(20, 1/2) lie at 5 or below, give or take the draws.
    assert 5 / 20 <= found["accuracy"]["low"] <= 6 / 20
    assert 14 / 20 <= found["accuracy"]["high"] <= 15 / 20
    assert found["f1"]["high"] - found["f1"]["low"] > 3 * (images["high"] - images["low"])
    assert found == subject_intervals(predictions, subjects, 3)


def test_where_every_image_is_of_another_person_both_agree():
    hit = np.random.default_rng(0).random(400) < 0.7
    found = subject_intervals(answers(hit, np.arange(400) % 3), np.arange(400).astype(str), 3)
    images = wilson(int(hit.sum()), 400)
    assert [found["accuracy"][end] for end in ("low", "high")] == pytest.approx(
        [images[end] for end in ("low", "high")], abs=0.01
    )


def test_one_person_has_no_interval():
    assert subject_intervals(answers(np.ones(9, bool), np.arange(9) % 3), np.full(9, "a"), 3) is None
