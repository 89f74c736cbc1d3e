"""Intervals over subjects: wider than those over images where a person's images are alike."""

import numpy as np
import pytest

from fer_plugins.metrics.cluster_scores import score_clusters
from fer_plugins.metrics.clusters import Clusters, find_clusters
from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.paired import compare_accuracy, compare_by_cluster
from fer_plugins.metrics.predictions import Predictions


def answers(hit, label):
    predicted = np.where(hit, label, (label + 1) % 3)
    size = len(label)
    return Predictions(np.arange(size), label, predicted, np.eye(3)[predicted], np.zeros(size), int(hit.sum()))


def by_subject(predictions, subjects):
    return score_clusters(predictions, ["a", "b", "c"], subjects, None)["by_subject"]


def test_people_who_are_always_or_never_right_count_once():
    subjects = np.repeat([f"s{n}" for n in range(20)], 15)
    hit = np.repeat(np.arange(20) % 2 == 0, 15)
    predictions = answers(hit, np.arange(300) % 3)
    scores = by_subject(predictions, subjects)
    assert scores["n"] == 20
    images = wilson(150, 300)
    # 2.5 % of Binomial(20, 1/2) lie at 5 or below, give or take the draws.
    assert 5 / 20 <= scores["accuracy"]["low"] <= 6 / 20
    assert 14 / 20 <= scores["accuracy"]["high"] <= 15 / 20
    assert scores["f1"]["high"] - scores["f1"]["low"] > 3 * (images["high"] - images["low"])
    assert scores == by_subject(predictions, subjects)


def test_where_a_subjects_images_are_independent_both_agree():
    hit = np.random.default_rng(0).random(400) < 0.7
    scores = by_subject(answers(hit, np.arange(400) % 3), (np.arange(400) // 2).astype(str))
    images = wilson(int(hit.sum()), 400)
    assert [scores["accuracy"][end] for end in ("low", "high")] == pytest.approx(
        [images[end] for end in ("low", "high")], abs=0.015
    )


def test_every_score_of_images_has_an_interval_by_subject():
    hit = np.random.default_rng(0).random(300) < 0.7
    scores = by_subject(answers(hit, np.arange(300) % 3), (np.arange(300) // 6).astype(str))
    names = ("precision", "specificity", "kappa", "mcc", "auroc", "average_precision", "brier", "f1_weighted")
    assert scores["unit"] == "subject"
    assert scores["too_few"] == {}
    assert scores["loss"] is None  # 0 for every image here
    for name in names:
        assert scores[name]["low"] < scores[name]["high"], name


def test_one_person_has_no_interval():
    assert by_subject(answers(np.ones(9, bool), np.arange(9) % 3), np.full(9, "a")) is None


def test_scores_of_classes_that_few_subjects_show_have_none():
    label = np.repeat([0, 1, 2], [60, 60, 9])
    hit = np.random.default_rng(0).random(129) < 0.7
    scores = by_subject(answers(hit, label), np.where(label == 2, "s0", [f"s{n % 20}" for n in range(129)]))
    assert scores["too_few"]["f1"] == "c is shown by 1 subjects"
    assert scores["f1"] is scores["auroc"] is None
    assert scores["accuracy"]["low"] < scores["accuracy"]["high"]
    few = by_subject(answers(hit, label), np.array([f"s{n % 4}" for n in range(129)]))
    assert few["accuracy"] is None
    assert few["too_few"]["accuracy"] == "4 subjects"


def test_clusters_are_subjects_else_sequences_else_none():
    names = np.array(["a", "b", "a", "", ""])
    subjects = find_clusters(names, None)
    assert (subjects.unit, subjects.count) == ("subject", 4)  # two images are of nobody known, each for itself
    assert subjects.home[0] == subjects.home[2]
    assert len(set(subjects.home.tolist())) == 4
    assert find_clusters(np.array(list("abc")), np.array(["", "", ""])) is None
    assert find_clusters(np.array(list("abc")), np.array(["x", "x", ""])).unit == "sequence"
    assert find_clusters(None, None) is None


def pair(random, copies):
    """Two equally good networks on 40 subjects with so many alike images each."""
    true = np.repeat(np.arange(40) % 3, copies)
    sides = []
    for _ in range(2):
        hit = np.repeat(random.random(40) < 0.6, copies)
        sides.append(np.where(hit, true, (true + 1) % 3))
    return true, *sides, 3


def test_copies_of_an_image_do_not_make_a_difference_significant():
    random, clusters = np.random.default_rng(0), Clusters("subject", np.repeat(np.arange(40), 5), 40)
    tests = [pair(random, 5) for _ in range(60)]
    plain = [compare_accuracy(*sides)["p"] < 0.05 for sides in tests]
    by_cluster = [compare_by_cluster("accuracy", *sides, clusters, draws=400) for sides in tests]
    assert sum(plain) > 15
    assert sum(result["p"] < 0.05 for result in by_cluster) <= 8
    covered = [result["difference"]["low"] <= 0 <= result["difference"]["high"] for result in by_cluster]
    assert sum(covered) >= 52


def test_by_images_the_exchange_agrees_with_mcnemar():
    random = np.random.default_rng(1)
    true = random.integers(0, 3, 400)
    sides = [np.where(random.random(400) < share, true, (true + 1) % 3) for share in (0.6, 0.66)]
    by_image = compare_by_cluster("accuracy", true, *sides, 3, Clusters("image", np.arange(400), 400))
    plain = compare_accuracy(true, *sides, 3)
    assert by_image["p"] == pytest.approx(plain["mcnemar"]["p_exact"], abs=0.02)
    assert by_image["difference"]["points"] == pytest.approx(plain["difference"]["points"])
    assert by_image["difference"]["low"] == pytest.approx(plain["difference"]["low"], abs=0.3)
