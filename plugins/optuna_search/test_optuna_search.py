"""Bayesian search and Hyperband through Optuna."""

import csv
import itertools
import math
from functools import partial

import pytest
from fer_optuna_search import Bayes, Hyperband
from fer_parameter_search.random_search import RandomSearch
from fer_parameter_search.search import search
from fer_parameter_search.search_space import read_space

from fer_plugins.testing import check_search


def follow(searcher, value=lambda point, share: sum((x - 0.3) ** 2 for x in point)):
    """Return (point, share of the epochs, value) of each trial."""
    trials = []
    while (point := searcher.ask()) is not None:
        share = getattr(searcher, "budget", 1.0)
        trials.append((point, share, value(point, share)))
        searcher.tell(trials[-1][2])
    return trials


@pytest.mark.parametrize(
    "factory", [Bayes, partial(Bayes, model="gp", trials=14), Hyperband], ids=["tpe", "gp", "hyperband"]
)
def test_the_contract_holds(factory):
    check_search(factory)


@pytest.mark.parametrize("model", ["tpe", "gp"])
def test_the_model_comes_nearer_than_chance(model):
    best = [min(value for *_, value in follow(Bayes(dimensions=2, seed=seed, model=model))) for seed in range(3)]
    chance = [min(value for *_, value in follow(RandomSearch(dimensions=2, seed=seed, trials=30))) for seed in range(3)]
    assert sum(best) < sum(chance)


@pytest.mark.parametrize(("trials", "random"), [(1, 1), (4, 2), (9, 5), (20, 10), (30, 10)])
def test_few_trials_begin_with_half_of_them_at_random(trials, random):
    points = [point for point, *_ in follow(Bayes(dimensions=2, seed=0, trials=trials))]
    drawn = [point for point, *_ in follow(Bayes(dimensions=2, seed=0, trials=trials, startup=trials))]
    assert len(points) == trials
    assert points[:random] == drawn[:random]
    assert points[random:] == [] or points[random:] != drawn[random:]


def test_hyperband_trains_few_points_long():
    trials = follow(Hyperband(dimensions=2, seed=0, points=30))
    lengths = [round(27 * share) for _, share, _ in trials]
    assert set(lengths) == {1, 3, 9, 27}
    assert lengths.count(1) == 30
    assert 1 <= lengths.count(27) < lengths.count(9) <= lengths.count(3) <= 30
    longest = [value for _, share, value in trials if share == 1]
    assert min(longest) < sorted(value for *_, value in trials)[len(trials) // 4]
    for (first, share, _), (second, longer, _) in itertools.pairwise(trials):
        if longer > share:
            assert first == second


def test_a_failed_point_is_not_made_longer():
    trials = follow(Hyperband(dimensions=1, seed=0, points=4), lambda point, share: math.inf)
    assert [share for _, share, _ in trials] == [1 / 27] * 4


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(Bayes, trials=0), "trials is 0"),
        (partial(Bayes, trials=5, startup=10), "startup is 10; give 1 to 5"),
        (partial(Hyperband, points=0), "points is 0"),
        (partial(Hyperband, reduction_factor=1), "reduction_factor is 1; give at least 2"),
        (partial(Hyperband, rungs=1), "rungs is 1"),
    ],
)
def test_arguments_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build(dimensions=1, seed=0)


def test_the_best_of_the_longest_trainings_is_the_result(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(
        "search: {name: hyperband, points: 3, rungs: 2, reduction_factor: 2}\n"
        "space: {optimizer.lr: {low: 1e-3, high: 1e-1, log: true}, optimizer.name: [SGD, Adam]}\n"
    )
    base = {
        "data": {"name": "synthetic", "image_size": 24, "samples": 210, "batch_size": 32, "cache": "none"},
        "augmentation": "none",
        "trainer": {"epochs": 2, "threads": 1, "progress": "none"},
        "logger": {"name": "none"},
    }
    best = search(read_space(path), base, plugin="lenet5", folder=tmp_path / "found", say=lambda line: None)
    rows = list(csv.DictReader((tmp_path / "found" / "search.csv").open()))
    assert {row["trainer.epochs"] for row in rows} == {"1", "2"}
    scored = [row for row in rows if row["val/accuracy"] and row["trainer.epochs"] == "2"]
    top = max(scored, key=lambda row: float(row["val/accuracy"]))
    assert best.trainer.epochs == 2
    assert best.optimizer.name == top["optimizer.name"]
    assert best.optimizer.lr == pytest.approx(float(top["optimizer.lr"]))
