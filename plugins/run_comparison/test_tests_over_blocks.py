"""Friedman, Nemenyi, letters, Bayesian tests and power, against published numbers, other computations, simulation."""

import itertools
import math

import numpy as np
import pytest
from fer_run_comparison.sensitivity import (
    detectable_by_interval,
    detectable_by_mcnemar,
    detectable_over_seeds,
    equivalence_p,
    equivalence_p_over_seeds,
    fewest_discordant,
)
from fer_run_comparison.tests_over_blocks import (
    correlated_t_posterior,
    friedman,
    letters_of_groups,
    signed_rank_posterior,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fer_plugins.metrics.paired import hit_difference, mcnemar

# Table 5 (a) of Demsar 2006: critical values of Nemenyi's test at 0.05, for 3 to 10 models.
CRITICAL = (2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)


def test_friedman_is_scipys_and_nemenyis_critical_values_are_those_of_demsar():
    scores = np.random.default_rng(3).normal(size=(30, 10)) + np.linspace(0, 0.8, 10)
    result = friedman(scores)
    test = stats.friedmanchisquare(*scores.T)
    assert result["chi_square"] == pytest.approx(test.statistic)
    assert result["p"] == pytest.approx(test.pvalue, abs=0.005)  # with many blocks the approximation is good
    assert np.argmin(result["mean_ranks"]) == np.argmax(-stats.rankdata(-scores, axis=1).mean(0))
    for models, critical in enumerate(CRITICAL, 3):
        distance = friedman(np.tile(np.arange(models) / 10, (14, 1)))["critical_difference"]
        assert distance == pytest.approx(critical * np.sqrt(models * (models + 1) / (6 * 14)), abs=2e-3)
    for pair in result["pairs"]:
        apart = abs(result["mean_ranks"][pair["first"]] - result["mean_ranks"][pair["second"]])
        assert pair["told_apart"] is (result["p"] < 0.05 and apart > result["critical_difference"])


def test_the_p_of_few_blocks_is_exact_and_too_few_blocks_are_named():
    scores = np.array([[0.1, 0.2, 0.3]] * 3)
    result = friedman(scores)
    assert result["p"] == pytest.approx(1 / 36)  # three blocks agree: 6 of 6^3 permutations
    assert result["smallest_p"] == pytest.approx(1 / 36)
    for models in range(3, 8):
        least = friedman(np.tile(np.arange(models) / 10, (2, 1)))["fewest_blocks"]
        assert math.factorial(models) ** (1 - least) < 0.05 <= math.factorial(models) ** (2 - least)
    pair = result["fewest_blocks_of_a_pair"]
    for blocks, possible in ((pair - 1, False), (pair, True)):
        assert (friedman(np.tile(scores[0], (blocks, 1)))["critical_difference"] < 2) is possible
    assert friedman(np.full((4, 3), 0.5))["p"] == 1


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**28 - 1))
def test_models_share_a_letter_exactly_if_they_are_not_told_apart(count, bits):
    models = [f"m{n}" for n in range(count)]
    told_apart = [pair for k, pair in enumerate(itertools.combinations(models, 2)) if bits >> k & 1]
    letters = letters_of_groups(models, told_apart)
    for pair in itertools.combinations(models, 2):
        assert bool(set(letters[pair[0]]) & set(letters[pair[1]])) is (pair not in told_apart)
    assert letters["m0"][0] == "a"


def test_bayesian_tests_give_the_probabilities_of_baycomp():
    differences = np.array([1.2300, 1.5169, -0.1371, -1.0597, -1.0860, 1.5368, 1.7173, 3.6449])
    signed = signed_rank_posterior(differences, 1.0)
    assert list(signed.values()) == pytest.approx([0.0056, 0.5209, 0.4735], abs=0.015)  # baycomp 1.0.3, 50,000 draws
    correlated = correlated_t_posterior(differences, 1.0, correlation=1 / 8)
    assert list(correlated.values()) == pytest.approx([0.02682, 0.51008, 0.46310], abs=1e-4)
    plain = correlated_t_posterior(differences, 0.0)
    p = stats.ttest_1samp(differences, 0).pvalue  # without a margin it is the t test
    assert 2 * min(plain["first_better"], plain["second_better"]) == pytest.approx(p)
    mirrored = signed_rank_posterior(-differences, 1.0)
    assert mirrored["first_better"] == pytest.approx(signed["second_better"], abs=1e-9)
    assert signed_rank_posterior(differences[:5], 1.0) is None
    assert correlated_t_posterior(differences[:2], 1.0) is None


def test_the_detectable_difference_is_shown_in_80_of_100_test_sets():
    random = np.random.default_rng(0)
    size, discordant, level = 600, 90, 0.05 / 3
    points = detectable_by_mcnemar(discordant, size, level)
    share = (1 + points / 100 * size / discordant) / 2
    p_values = []
    for wins in random.binomial(discordant, share, 1500):
        first = np.repeat([True, False], [discordant - wins, size - discordant + wins])
        second = np.repeat([False, True, False], [discordant - wins, wins, size - discordant])
        p_values.append(mcnemar(first, second)["p_mid"])
    assert np.mean(np.array(p_values) < level) == pytest.approx(0.8, abs=0.03)
    below = detectable_by_mcnemar(fewest_discordant(level) - 1, size, level)
    assert below is None
    assert detectable_by_mcnemar(fewest_discordant(level), size, level) is not None
    interval = hit_difference(45, 45, size)  # its normal approximation says nearly the same
    assert detectable_by_interval(interval, level) == pytest.approx(points, rel=0.1)


def test_the_detectable_difference_over_seeds_is_shown_in_80_of_100_repetitions():
    random = np.random.default_rng(1)
    spread = np.array([-1, 0, 1]) / 100  # sd 0.01
    shift = detectable_over_seeds(0.7 + spread, 0.7 + spread, 0.05) / 100
    first, second = (random.normal(mean, 0.01, (4000, 3)) for mean in (0.7, 0.7 + shift))
    shown = stats.ttest_ind(second, first, axis=1).pvalue < 0.05  # equal variances: Welch's df varies with the sample
    assert shown.mean() == pytest.approx(0.8, abs=0.03)
    assert detectable_over_seeds([0.7, 0.7], [0.7, 0.7], 0.05) is None
    assert detectable_over_seeds([0.6, 0.7], [0.6, 0.7], 0.05 / 45) is None  # above 100 points


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_equivalence_is_the_interval_of_90_percent_within_the_margin(only_first, only_second):
    size, margin = 800, 3.0
    interval = hit_difference(only_first, only_second, size)
    centre, half = (interval["low"] + interval["high"]) / 2, (interval["high"] - interval["low"]) / 2
    half *= stats.norm.ppf(0.95) / stats.norm.ppf(0.975)
    inside = -margin < centre - half and centre + half < margin
    assert (equivalence_p(interval, margin) < 0.05) is bool(inside)


def test_equivalence_over_seeds_is_two_one_sided_welch_tests():
    first, second = [0.70, 0.705, 0.71, 0.70], [0.702, 0.706, 0.708, 0.704]
    sides = [
        stats.ttest_ind(second, np.array(first) + shift, equal_var=False, alternative=side).pvalue
        for shift, side in ((-0.01, "greater"), (0.01, "less"))
    ]
    assert equivalence_p_over_seeds(first, second, 1.0) == pytest.approx(max(sides))
    assert equivalence_p_over_seeds([0.7, 0.7], [0.7, 0.7], 1.0) is None
    assert equivalence_p({"low": 0.0, "high": 0.0, "level": 0.95}, 1.0) is None
