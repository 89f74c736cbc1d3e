"""Label noise from identical images that were labelled twice."""

import numpy as np
import pytest
from fer_data_audit.report import describe_label_noise, estimate_label_noise


def test_pairs_and_groups_by_hand():
    labels = np.array(list("aabbabcaaa"))
    groups = [np.array([0, 1]), np.array([2, 4]), np.array([5, 6, 7, 8])]
    noise = estimate_label_noise(groups, labels)
    # aa; ba; bcaa, where one of six pairs agrees
    assert (noise["groups"], noise["pairs"], noise["disagreeing"]) == (3, 8, 6)
    assert noise["share_of_pairs"]["value"] == pytest.approx(6 / 8)
    assert noise["share_of_groups"]["value"] == pytest.approx((0 + 1 + 5 / 6) / 3)
    assert noise["error"]["value"] == pytest.approx(0.5)
    assert "6 of 8 pairs disagree, 75.00%" in describe_label_noise(noise)
    assert estimate_label_noise([], labels) is None


def test_the_interval_draws_groups_not_pairs():
    """Ten groups of 20 images are ten observations, however many pairs they have."""
    random = np.random.default_rng(0)
    labels = np.concatenate([np.full(20, "a") if half else random.choice(["a", "b"], 20) for half in [1, 0] * 5])
    noise = estimate_label_noise([np.arange(start, start + 20) for start in range(0, 200, 20)], labels)
    share = noise["share_of_pairs"]
    independent = 1.96 * (share["value"] * (1 - share["value"]) / noise["pairs"]) ** 0.5
    assert share["high"] - share["low"] > 5 * 2 * independent
    assert share["low"] <= share["value"] <= share["high"]


def test_known_noise_is_found():
    random = np.random.default_rng(1)
    true = np.repeat(random.integers(0, 7, 4000), 2)
    wrong = random.random(8000) < 0.1
    labels = np.where(wrong, 100 + np.arange(8000), true).astype(str)  # no two wrong ones agree
    error = estimate_label_noise([np.arange(row, row + 2) for row in range(0, 8000, 2)], labels)["error"]
    assert error["low"] < 0.1 < error["high"]
    assert error["high"] - error["low"] < 0.02
