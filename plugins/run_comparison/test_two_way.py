"""Seeds and test images in one verdict: what each variance adds, and the tests of one that are its limits."""

import numpy as np
import pytest
from fer_run_comparison.comparison import join_variances
from scipy.stats import norm

from fer_plugins.metrics.clusters import Clusters
from fer_plugins.metrics.paired import mcnemar


def answers(random, true, share, networks):
    """Predictions of networks that are right with this probability, each for itself: (networks, N)."""
    hit = random.random((networks, len(true))) < share
    return np.where(hit, true, (true + 1) % 3)


def test_without_a_spread_over_seeds_it_is_the_paired_test_of_images():
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 2000)
    first, second = (answers(random, true, share, 1) for share in (0.60, 0.63))
    joined = join_variances("accuracy", true, np.repeat(first, 3, 0), np.repeat(second, 3, 0), 3)
    test = mcnemar(first[0] == true, second[0] == true)
    b, c = test["only_first"], test["only_second"]
    assert joined["points"] == pytest.approx(100 * (c - b) / 2000)
    assert joined["p"] == pytest.approx(2 * norm.sf(abs(c - b) / np.sqrt(b + c - (c - b) ** 2 / 2000)), rel=0.02)
    assert joined["sd_seeds"] == 0
    assert joined["low"] < joined["points"] < joined["high"]


def test_a_spread_over_seeds_widens_it_and_equal_networks_have_none():
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 2000)
    first = np.concatenate([answers(random, true, share, 1) for share in (0.5, 0.6, 0.7)])
    second = np.concatenate([answers(random, true, share, 1) for share in (0.55, 0.65, 0.75)])
    for name in ("accuracy", "f1"):
        joined = join_variances(name, true, first, second, 3)
        assert joined["sd_seeds"] == pytest.approx(100 * np.sqrt(2 * 0.1**2 / 3), rel=0.1)
        assert joined["sd_images"] < 2
        assert joined["p"] > 0.4
    same = join_variances("accuracy", true, first[:1].repeat(2, 0), first[:1].repeat(2, 0), 3)
    assert (same["points"], same["p"], same["low"]) == (0, None, None)


def test_equal_models_are_seldom_told_apart():
    random, rejected = np.random.default_rng(1), 0
    for _ in range(150):
        true = random.integers(0, 3, 200)
        hard = random.random((2, 200)) < 0.4  # what a model gets wrong, whatever its seed
        sides = []
        for own in hard:
            hit = ~own & (random.random((3, 200)) < random.uniform(0.75, 0.95, (3, 1)))
            sides.append(np.where(hit, true, (true + 1) % 3))
        rejected += join_variances("accuracy", true, *sides, 3)["p"] < 0.05
    assert rejected <= 16  # 5 % of 150 are 7.5


def test_alike_images_count_once():
    random = np.random.default_rng(2)
    true = np.repeat(random.integers(0, 3, 100), 5)
    once = np.repeat(random.random((2, 2, 100)) < 0.6, 5, axis=2)
    sides = np.where(once, true, (true + 1) % 3)
    home = np.repeat(np.arange(100), 5)
    plain = join_variances("accuracy", true, *sides, 3)
    by_cluster = join_variances("accuracy", true, *sides, 3, Clusters("subject", home, 100))
    assert by_cluster["sd_images"] == pytest.approx(plain["sd_images"] * np.sqrt(5), rel=0.05)
