"""The spread over retrainings, against scipy on raw numbers and sums by hand."""

import math

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support import written_run

from fer_plugins.analysis.seed_spread import difference_over_seeds, format_spread, group_models, range_of, seed_interval
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runtime.errors import InputError

write_run, draw = written_run.write_run, written_run.draw
VALUES = st.lists(st.integers(0, 3589).map(lambda hits: hits / 3589), min_size=2, max_size=15)


@given(VALUES)
def test_t_and_z_intervals_by_hand(values):
    interval = seed_interval(values)
    n, mean = len(values), math.fsum(values) / len(values)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    assert interval["mean"] == pytest.approx(mean)
    assert interval["sd"] == pytest.approx(sd, abs=1e-12)
    for name, factor in (("t", stats.t.ppf(0.975, n - 1)), ("z", 1.959963984540054)):
        if n < 3 or max(values) - min(values) < 1e-12:
            assert interval[name] is None
            assert interval["why"] == ("too few" if n < 3 else "no spread")
            continue
        half = factor * sd / math.sqrt(n)
        assert interval[name]["low"] == pytest.approx(mean - half, abs=1e-9)
        assert interval[name]["high"] == pytest.approx(mean + half, abs=1e-9)


def test_the_papers_z_form_is_too_narrow():
    # 15 runs whose sd gives the printed half-width 0.0863 (Table 7, FERG) have 0.0944 by t.
    values = np.linspace(-1, 1, 15)
    values *= 0.0863 / 1.96 * math.sqrt(15) / values.std(ddof=1)
    interval = seed_interval(values.tolist())
    assert interval["z"]["high"] == pytest.approx(0.0863, abs=1e-5)
    assert interval["t"]["high"] == pytest.approx(0.0863 * 2.1448 / 1.96, abs=1e-4)


def test_the_t_interval_of_three_seeds_holds_the_mean_95_times_in_100_and_z_does_not():
    random = np.random.default_rng(2)
    intervals = [seed_interval(random.normal(0.7, 0.01, 3).tolist()) for _ in range(1500)]
    holds = {
        form: np.mean([interval[form]["low"] <= 0.7 <= interval[form]["high"] for interval in intervals])
        for form in ("t", "z")
    }
    assert 0.935 <= holds["t"] <= 0.965
    assert holds["z"] < 0.86


def test_models_of_one_pooling_are_told_apart_by_the_options_that_differ(tmp_path):
    true, predicted = draw(1)
    pools = [
        None,
        {"name": "max_blur", "preset": "zhang", "blur_size": 3},
        {"name": "max_blur", "preset": "wide_max"},
    ]
    folders = [write_run(tmp_path / str(number), true, predicted) for number in range(3)]
    for folder, pool in zip(folders, pools, strict=True):
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["model"]["pool"] = pool and {"blur_size": None, "padding": 0} | pool
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    labels = [model.label for model in group_models([read_run(folder) for folder in folders])]
    assert labels == [
        "net (model.pool default)",
        "net (model.pool max_blur: blur_size 3, preset zhang)",
        "net (model.pool max_blur: blur_size default, preset wide_max)",
    ]


def test_one_training_has_no_spread():
    with pytest.raises(InputError, match="at least two trainings, not 1"):
        seed_interval([0.7])
    with pytest.raises(InputError, match="at least two trainings of each"):
        difference_over_seeds([0.7, 0.8], [0.7])
    same = seed_interval([0.5, 0.5, 0.5])
    assert same["sd"] == 0
    assert same["t"] is same["z"] is None
    assert same["why"] == "no spread"


def test_two_trainings_are_too_few_for_an_interval():
    interval = seed_interval([0.25, 0.17])
    assert (interval["t"], interval["z"], interval["why"]) == (None, None, "too few")
    assert format_spread(interval, "t") == "too few"
    assert seed_interval([0.2439, 0.2439])["why"] == "too few"
    welch = difference_over_seeds([0.7, 0.8], [0.6, 0.5, 0.55])
    assert (welch["low"], welch["high"], welch["why"]) == (None, None, "too few")
    assert 0 < welch["p"] < 1


def test_intervals_end_where_the_score_does():
    interval = seed_interval([0.95, 0.99, 0.85], range_of("accuracy"))
    assert interval["t"]["high"] == 1.0
    assert interval["t"]["low"] == pytest.approx(seed_interval([0.95, 0.99, 0.85])["t"]["low"])
    assert seed_interval([0.01, 0.0, 0.05], range_of("f1"))["t"]["low"] == 0.0
    assert seed_interval([-0.1, 0.0, 0.1], range_of("shift.zero.probability_change.1"))["t"]["low"] < 0
    wild = [0.0, 0.5, 1.0], [1.0, 0.0, 1.0]
    assert difference_over_seeds(*wild)["high"] > 100.0
    assert difference_over_seeds(*wild, shares=True)["high"] == 100.0


def test_welch_by_hand():
    first, second = [0.70, 0.72, 0.71, 0.69], [0.74, 0.70, 0.78]
    by_seeds = difference_over_seeds(first, second)
    splits = [np.var(values, ddof=1) / len(values) for values in (first, second)]
    error = math.sqrt(sum(splits))
    df = sum(splits) ** 2 / (splits[0] ** 2 / 3 + splits[1] ** 2 / 2)
    difference = np.mean(second) - np.mean(first)
    half = stats.t.ppf(0.975, df) * error
    assert by_seeds["points"] == pytest.approx(100 * difference)
    assert by_seeds["low"] == pytest.approx(100 * (difference - half))
    assert by_seeds["high"] == pytest.approx(100 * (difference + half))
    assert by_seeds["p"] == pytest.approx(2 * stats.t.sf(difference / error, df))
    assert difference_over_seeds([0.5, 0.5], [0.6, 0.6])["p"] is None


def test_seeds_of_one_model_are_grouped_and_nothing_else(tmp_path):
    true, answers = draw(1)
    folders = [write_run(tmp_path / f"a{seed}", true, answers, seed=seed) for seed in (2, 0)]
    folders.append(write_run(tmp_path / "b", true, answers, seed=0, lr=0.01))
    folders.append(write_run(tmp_path / "c", true, answers, seed=5, split_hash="other"))
    models = group_models([read_run(folder) for folder in folders])
    assert [model.seeds for model in models] == [(0, 2), (0,), (5,)]
    assert models[0].label == "net (optimizer.lr 0.001) [a2]"
    assert models[1].label == "net (optimizer.lr 0.01)"
    again = write_run(tmp_path / "again", true, answers, seed=2)
    with pytest.raises(
        InputError, match="the same configuration and seed 2 as .*a2; a repetition is not a second training"
    ):
        group_models([read_run(folder) for folder in (*folders, again)])
