"""Evaluations over seeds: the means, differences and corrections against scipy, and each refusal."""

import hashlib
import json
import re

import numpy as np
import pytest
from fer_run_comparison.evaluations_over_seeds import compare_evaluations
from scipy import stats
from support import written_run
from support.verbs import compare as command

from fer_plugins.analysis.seed_spread import group_models
from fer_plugins.commands import main
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runtime.errors import InputError

STEADY = {0.001: [0.91, 0.93, 0.90], 0.01: [0.84, 0.89, 0.80], 0.1: [0.84, 0.83, 0.85]}  # learning rate -> seeds 0 to 2


def measured(value):
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "method": "wilson"}


def write_evaluation(folder, value, **changes):
    """Write an evaluation.json as nested as that of fer robustness."""
    severities = [{"severity": k, "value": 0.1 * k, "accuracy": measured(0.7 - k / 10)} for k in range(1, 6)]
    content = {
        "part": "test",
        "n": 90,
        "of": 300,
        "limit": 90,
        "seeds": {"run": 0, "protocol": 0, "evaluation": 0},
        "data": {"fingerprint": "f1", "split_hash": "5a5a"},
        "checkpoint": {"file": "best.ckpt", "sha256": hashlib.sha256(b"weights").hexdigest()},
        "suites": {
            "shift": {"zero": {"consistency": {"1": measured(value), "all": measured(value - 0.2)}}},
            "corruption": {"kinds": {"fog": {"severities": severities}}, "mean": measured(0.5)},
        },
    }
    (folder / "evaluation.json").write_text(json.dumps(content | changes))
    (folder / "checkpoints" / "best.ckpt").write_bytes(b"weights")


@pytest.fixture
def runs(tmp_path, kept):
    def write(folder):
        for rate, values in STEADY.items():
            for seed, value in enumerate(values):
                true, predicted = written_run.draw(seed + 1)
                written_run.write_run(folder / f"{rate}-{seed}", true, predicted, seed=seed, lr=rate)
                write_evaluation(folder / f"{rate}-{seed}", value)
        return folder

    folder = kept("runs", write, tmp_path)
    return [folder / f"{rate}-{seed}" for rate, values in STEADY.items() for seed in range(len(values))]


def compare(folders, *wanted):
    models = group_models([read_run(folder) for folder in folders])
    return compare_evaluations(dict(zip("ABC", models, strict=False)), wanted)


def test_means_and_differences_are_those_of_scipy(runs):
    found = compare(runs, "shift.zero.consistency.1")
    assert list(found["figures"]) == ["shift.zero.consistency.1"]
    assert (found["part"], found["n"], found["of"]) == ("test", 90, 300)
    figure = found["figures"]["shift.zero.consistency.1"]
    values = dict(zip("ABC", STEADY.values(), strict=True))
    for letter, model in figure["models"].items():
        assert [run["value"] for run in model["runs"]] == values[letter]
        low, high = stats.t.interval(0.95, 2, np.mean(values[letter]), stats.sem(values[letter]))
        assert model["over_seeds"]["mean"] == pytest.approx(np.mean(values[letter]))
        assert (model["over_seeds"]["t"]["low"], model["over_seeds"]["t"]["high"]) == pytest.approx((low, high))
    assert [(pair["first"], pair["second"]) for pair in figure["pairs"]] == [("A", "B"), ("A", "C"), ("B", "C")]
    tests = [stats.ttest_ind(values[p["second"]], values[p["first"]], equal_var=False) for p in figure["pairs"]]
    assert [pair["p"] for pair in figure["pairs"]] == pytest.approx([test.pvalue for test in tests])
    for pair, test in zip(figure["pairs"], tests, strict=True):
        assert pair["difference"] == pytest.approx(np.mean(values[pair["second"]]) - np.mean(values[pair["first"]]))
        ends = test.confidence_interval()
        assert (pair["low"], pair["high"]) == pytest.approx((ends.low, ends.high))
    # Holm: the smallest of three times 3, the next times 2.
    smallest, middle, _ = sorted(test.pvalue for test in tests)
    assert sorted(pair["p_holm"] for pair in figure["pairs"])[:2] == pytest.approx([3 * smallest, 2 * middle])
    assert [pair["verdict"] for pair in figure["pairs"]] == ["not distinguishable", "A higher", "not distinguishable"]


def test_the_beginning_of_a_name_takes_all_below_it(runs):
    names = list(compare(runs, "shift", "corruption.kinds.fog")["figures"])
    assert names == [
        "shift.zero.consistency.1",
        "shift.zero.consistency.all",
        *(f"corruption.kinds.fog.severities.{k}.accuracy" for k in range(1, 6)),
    ]
    assert list(compare(runs, "corruption.mean")["figures"]) == ["corruption.mean"]


def test_what_does_not_spread_is_not_tested_and_one_training_has_no_interval(runs):
    figure = compare(runs, "corruption.mean")["figures"]["corruption.mean"]
    assert {pair["verdict"] for pair in figure["pairs"]} == {"no spread over seeds: not tested"}
    alone = compare([*runs[:3], runs[3]], "shift.zero")["figures"]["shift.zero.consistency.1"]
    assert alone["models"]["B"]["over_seeds"] is None
    assert alone["pairs"] == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda folder: (folder / "evaluation.json").unlink(),
            "has no evaluation.json; measure it with fer robustness",
        ),
        (lambda folder: (folder / "evaluation.json").write_text("{"), "damaged, or not written by fer robustness"),
        (lambda folder: (folder / "evaluation.json").write_bytes(b"\xff\xfe"), "damaged, or not written"),
        (lambda folder: (folder / "evaluation.json").write_text('{"part": "test"}'), "damaged, or not written"),
        (lambda folder: (folder / "checkpoints/best.ckpt").write_bytes(b"x"), "is of another checkpoint than"),
        (lambda folder: write_evaluation(folder, 0.9, part="val"), "part val, and test in"),
        (lambda folder: write_evaluation(folder, 0.9, n=80), "n 80, and 90 in"),
        (lambda folder: write_evaluation(folder, 0.9, seeds={"evaluation": 1}), "seeds evaluation 1, and 0 in"),
        (
            lambda folder: write_evaluation(folder, 0.9, suites={}),
            r"no figure that all these evaluations have; they.*none",
        ),
    ],
)
def test_evaluations_that_do_not_belong_together_are_refused(runs, spoil, says):
    spoil(runs[4])
    with pytest.raises(InputError, match=says) as refused:
        compare(runs, "shift")
    assert "\n" not in str(refused.value)


def test_a_checkpoint_that_was_not_passed_on_is_no_fault(runs):
    (runs[4] / "checkpoints/best.ckpt").unlink()
    assert compare(runs, "shift.zero.consistency.1")["figures"]


def test_an_unknown_figure_names_the_nearest(runs):
    with pytest.raises(InputError, match=r"--evaluated shift.zero.consistensy: no figure.*shift.zero.consistency"):
        compare(runs, "shift.zero.consistensy")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--evaluated"], "--evaluated needs a value: --evaluated NAME[,NAME]"),
        (["--evaluated", ""], "--evaluated needs a value"),
        (["--evaluated", "--json"], "--evaluated needs a value"),
        (["--evaluated", "shift", "--evaluated", "shift"], "--evaluated is given 2 times; give it once"),
        (["--evaluated", "tta"], "--evaluated tta: no figure that all these evaluations have"),
    ],
)
def test_wrong_words_are_one_line(runs, capsys, words, says):
    assert main.call("fer compare", command, [*map(str, runs[:4]), *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_the_command_prints_both_tables_and_the_same_as_json(runs, capsys):
    words = [*map(str, runs), "--evaluated", "shift.zero.consistency.1,corruption.mean"]
    assert main.call("fer compare", command, words) == 0
    printed = capsys.readouterr().out
    assert "90 of 300 images of test" in printed
    assert re.search(r"shift\.zero\.consistency\.1 *\n[^A]*A +0, 1, 2 +0\.9133 +0\.0153", printed)
    assert re.search(r"A +C +-0\.0733 .* A higher", printed)
    assert main.call("fer compare", command, [*words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["evaluated"]["figures"]
    assert figures["shift.zero.consistency.1"]["models"]["A"]["over_seeds"]["mean"] == pytest.approx(0.9133, abs=1e-4)
