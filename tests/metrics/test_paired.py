"""Paired tests: each statistic against an independent computation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from support.written_run import draw

from fer_plugins.metrics import paired


def sides(only_first, only_second, both, neither):
    first = np.repeat([True, False, True, False], [only_first, only_second, both, neither])
    return first, np.repeat([False, True, True, False], [only_first, only_second, both, neither])


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9), st.integers(0, 9))
def test_mcnemar_is_the_binomial_test_by_hand(b, c, both, neither):
    result = paired.mcnemar(*sides(b, c, both, neither))
    n = b + c
    mass = [math.comb(n, k) / 2**n for k in range(n + 1)]
    less_likely = [p for p in mass if p <= mass[b] * (1 + 1e-9)]
    assert result["p_exact"] == pytest.approx(sum(less_likely), rel=1e-9)
    as_likely = [p for p in less_likely if p >= mass[b] * (1 - 1e-9)]
    assert result["p_mid"] == pytest.approx(
        1.0 if b == c else sum(less_likely) - sum(as_likely) / 2, rel=1e-9, abs=1e-15
    )
    assert (result["only_first"], result["only_second"], result["both"], result["neither"]) == (b, c, both, neither)


def test_mcnemar_on_the_published_example():
    # Fagerland, Lydersen and Laake 2013: 21 children, 1 and 7 discordant; exact 0.070, mid-p 0.039.
    result = paired.mcnemar(*sides(1, 7, 1, 12))
    assert result["p_exact"] == pytest.approx(18 / 256)
    assert result["p_mid"] == pytest.approx(10 / 256)


def test_the_interval_of_the_difference_by_hand_and_its_ends():
    difference = paired.hit_difference(7, 1, 21)
    low, high = (8 / 23, 2 / 23)
    half = 1.959963984540054 * math.sqrt((low + high - (low - high) ** 2) / 23)
    assert difference["points"] == pytest.approx(-100 * 6 / 21)
    assert difference["low"] == pytest.approx(100 * (high - low - half))
    assert difference["high"] == pytest.approx(100 * (high - low + half))
    assert paired.hit_difference(0, 2, 2)["high"] == 100
    nothing = paired.hit_difference(0, 0, 50)
    assert nothing["low"] == -nothing["high"] < 0


def test_the_interval_of_the_difference_covers_the_truth_about_95_times_in_100():
    random = np.random.default_rng(3)
    drawn = random.multinomial(100, [0.06, 0.14, 0.6, 0.2], size=2000)
    differences = [paired.hit_difference(int(b), int(c), 100) for b, c, *_ in drawn]
    assert 0.94 <= np.mean([difference["low"] <= 8 <= difference["high"] for difference in differences]) <= 0.97


def test_the_bootstrap_agrees_with_resampling_the_samples_themselves():
    true, first = draw(1, 240, 0.6)
    _, second = draw(2, 240, 0.75)
    difference = paired.macro_f1_difference(true, first, second, 3)
    expected = f1_score(true, second, average="macro") - f1_score(true, first, average="macro")
    assert difference["points"] == pytest.approx(100 * expected)
    random = np.random.default_rng(9)
    rows = [np.flatnonzero(true == label) for label in range(3)]
    draws = []
    for _ in range(400):
        at = np.concatenate([random.choice(of_class, len(of_class)) for of_class in rows])
        f1 = [f1_score(true[at], answers[at], average="macro") for answers in (first, second)]
        draws.append(100 * (f1[1] - f1[0]))
    width = difference["high"] - difference["low"]
    assert difference["low"] == pytest.approx(np.quantile(draws, 0.025), abs=0.1 * width)
    assert difference["high"] == pytest.approx(np.quantile(draws, 0.975), abs=0.1 * width)
    assert (difference["p"] < 0.05) == (difference["low"] > 0)


def test_equal_networks_are_seldom_called_different():
    alarms = {"accuracy": 0, "f1": 0}
    for trial in range(200):
        true, first = draw(2 * trial + 1, 150)
        _, second = draw(2 * trial + 2, 150)
        alarms["f1"] += paired.macro_f1_difference(true, first, second, 3, draws=400)["p"] < 0.05
        alarms["accuracy"] += paired.mcnemar(first == true, second == true)["p_mid"] < 0.05
    assert alarms["accuracy"] <= 18  # 200 x 0.05 = 10, sd 3.1
    assert alarms["f1"] <= 20


@given(st.integers(0, 99))
@settings(deadline=None, max_examples=10)
def test_exchanging_the_two_only_changes_the_sign(seed):
    true, first = draw(seed)
    _, second = draw(seed + 1)
    forwards = paired.mcnemar(first == true, second == true)
    backwards = paired.mcnemar(second == true, first == true)
    assert forwards["p_mid"] == backwards["p_mid"]
    there = paired.macro_f1_difference(true, first, second, 3, draws=500)
    back = paired.macro_f1_difference(true, second, first, 3, draws=500)
    assert there["points"] == pytest.approx(-back["points"])
