"""``fer inflation``: the statistics by hand, the budget, and a case with and one without inflation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from fer_protocol_bias import differences
from fer_protocol_bias.differences import compare_predictions
from fer_protocol_bias.measure import compare
from fer_protocol_bias.plan import Plan
from fer_protocol_bias.report import print_bias
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from support import toy_net
from support.verbs import inflation

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.data.protocols.split_file import read_split
from fer_plugins.data.synthetic_faces.synthetic import CLASSES
from fer_plugins.experiments.run import run
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.differences import accuracy_difference, macro_difference
from fer_plugins.metrics.intervals import matrix_intervals
from fer_plugins.metrics.paired import hit_difference
from fer_plugins.runs.predictions_file import NamedPredictions
from fer_plugins.runs.record import Record
from fer_plugins.runs.result_table import result_console
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.training.module import FERModule

# Eight people in long sequences of nearly equal frames: by sample, every test image has its neighbours in training.
LEAKING = {"samples": 336, "subjects": 8, "frames": 6, "difficulty": 1.0}
# One image a sequence: splits by sample and by sequence are drawn alike, so nothing can be inflated.
HARMLESS = {"samples": 280, "subjects": 40, "frames": 1, "difficulty": 0.0}


def flags(data, **changes):
    return {
        "data": {"name": "synthetic", "image_size": 24, "batch_size": 16, **data},
        "trainer": {"epochs": 8, "threads": 1, "progress": "none"},
        "logger": {"name": "none"},
    } | changes


def words(tmp_path, *more):
    return [
        *("--plugin", "toy", "--data", "synthetic", "--data.samples", "70", "--data.frames", "1"),
        *("--data.image_size", "24", "--data.batch_size", "16", "--trainer.epochs", "1", "--trainer.threads", "1"),
        *("--logger", "none", "--out", str(tmp_path / "found"), *more),
    ]


def quiet(line):
    del line


def two_classes(hits, size):
    """A confusion matrix with ``hits`` of ``size`` images on the diagonal."""
    return np.array([[hits, size - hits], [0, 0]])


# Examples (a) to (h) of Newcombe 1998, Table II, method 10.
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_of_two_accuracies_is_newcombes(one, other, low, high):
    result = accuracy_difference(two_classes(*one), two_classes(*other))
    assert result["difference"] == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert (result["low"], result["high"]) == pytest.approx((low, high), abs=5e-5)
    assert differences.verdict(result) == ("not distinguishable" if low <= 0 <= high else "inflated")


def test_the_interval_of_two_accuracies_by_hand():
    def wilson(hits, size, z=1.959964):
        share, middle = hits / size, hits / size + z * z / (2 * size)
        half = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
        return (middle - half) / (1 + z * z / size), (middle + half) / (1 + z * z / size)

    (low1, high1), (low2, high2) = wilson(37, 50), wilson(60, 120)
    result = accuracy_difference(np.array([[20, 5], [8, 17]]), np.array([[40, 20], [40, 20]]))
    assert result["difference"] == pytest.approx(0.24)
    assert result["low"] == pytest.approx(0.24 - math.hypot(0.74 - low1, high2 - 0.5), abs=1e-6)
    assert result["high"] == pytest.approx(0.24 + math.hypot(high1 - 0.74, 0.5 - low2), abs=1e-6)


def test_the_interval_over_seeds_is_welchs():
    # means 0.82 and 0.73; squared errors of the means 0.0004/3 and 0.0009/3
    result = differences.means([0.80, 0.84, 0.82], [0.70, 0.76, 0.73])
    error = math.sqrt(0.0004 / 3 + 0.0009 / 3)
    freedom = (0.0004 / 3 + 0.0009 / 3) ** 2 / ((0.0004 / 3) ** 2 / 2 + (0.0009 / 3) ** 2 / 2)
    assert freedom == pytest.approx(3.4845, abs=1e-4)
    half = student.ppf(0.975, freedom) * error
    assert result["difference"] == pytest.approx(0.09)
    assert (result["low"], result["high"]) == pytest.approx((0.09 - half, 0.09 + half))
    assert result["verdict"] == "inflated"
    assert result["flawed"] == pytest.approx({"mean": 0.82, "sd": 0.02, "seeds": 3})
    assert result["sound"] == pytest.approx({"mean": 0.73, "sd": 0.03, "seeds": 3})


def test_two_seeds_on_a_side_are_too_few_for_an_interval():
    result = differences.means([0.80, 0.84, 0.82], [0.70, 0.76])
    assert (result["low"], result["high"]) == (None, None)
    assert (result["method"], result["verdict"]) == ("none: too few", "no interval")


def test_seeds_without_any_spread_have_no_interval():
    result = differences.means([0.7, 0.7, 0.7], [0.1, 0.1, 0.1])
    assert result["difference"] == pytest.approx(0.6)
    assert (result["low"], result["high"], result["verdict"]) == (None, None, "no interval")
    one_side = differences.means([0.7, 0.7, 0.7], [0.1, 0.2, 0.3])
    assert one_side["high"] - one_side["difference"] == pytest.approx(student.ppf(0.975, 2) * 0.1 / math.sqrt(3))
    with pytest.raises(ValueError, match="at least two"):
        differences.means([0.5], [0.4])


def test_the_interval_of_two_f1_scores():
    one, other = np.array([[70, 30], [20, 80]]), np.array([[30, 20], [25, 25]])
    result = macro_difference("f1", one, other)
    # F1 by hand: 140/190 and 160/210 against 60/105 and 50/95
    assert result["difference"] == pytest.approx((140 / 190 + 160 / 210) / 2 - (60 / 105 + 50 / 95) / 2)
    widths = [matrix_intervals(matrix)["f1"]["high"] - matrix_intervals(matrix)["f1"]["low"] for matrix in (one, other)]
    assert result["high"] - result["low"] == pytest.approx(math.hypot(*widths), rel=0.06)  # variances add
    assert differences.verdict(result) == "inflated"
    assert macro_difference("f1", one, other) == result


def test_the_interval_of_two_f1_scores_holds_the_truth():
    rates = [np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6]]), np.full((3, 3), 0.25) + 0.25 * np.eye(3)]
    truth = np.subtract(*(macro_scores(rate * 1e9)["f1"] for rate in rates))
    random, held = np.random.default_rng(0), 0
    for _ in range(200):
        drawn = [np.stack([random.multinomial(80, row) for row in rate]) for rate in rates]
        result = macro_difference("f1", *drawn)
        held += result["low"] <= truth <= result["high"]
    assert 180 <= held <= 199  # 190 expected, standard deviation 3


@given(
    st.lists(st.integers(0, 40), min_size=4, max_size=4).filter(lambda row: sum(row) > 0),
    st.lists(st.integers(0, 40), min_size=4, max_size=4).filter(lambda row: sum(row) > 0),
)
def test_exchanged_sides_give_the_negative(one, other):
    one, other = np.array(one).reshape(2, 2), np.array(other).reshape(2, 2)
    there, back = accuracy_difference(one, other), accuracy_difference(other, one)
    assert there["low"] <= there["difference"] + 1e-12
    assert there["difference"] <= there["high"] + 1e-12
    assert (back["low"], back["high"]) == pytest.approx((-there["high"], -there["low"]), abs=1e-9)


def test_a_split_by_sample_is_clearly_better_where_frames_leak(toy, tmp_path, capsys):
    plan = Plan("toy", {"flawed": {"name": "random"}, "sound": {"name": "official"}}, flags(LEAKING), seeds=3)
    result = compare(plan, tmp_path / "found", say=quiet)
    for row in result["seeds"]:
        assert row["differences"]["accuracy"]["low"] > 0.1
        assert row["differences"]["f1"]["low"] > 0.1
        assert row["flawed"]["leaks"][0]["sequences"]["train/test"] > 10
        assert row["sound"]["leaks"][0]["sequences"]["train/test"] == 0
        assert row["flawed"]["tested"]["subjects"] > row["sound"]["tested"]["subjects"]
    for score in ("accuracy", "f1"):
        assert result["over_seeds"][score]["low"] > 0.1
        assert result["over_seeds"][score]["verdict"] == "inflated"
    assert [(row["seed"], row["protocol_seed"]) for row in result["seeds"]] == [(0, 0), (1, 1), (2, 2)]
    assert result["not_a_result"] == []
    saved = json.loads((tmp_path / "found" / "inflation.json").read_text())
    assert saved == json.loads(json.dumps(result))
    assert saved["status"] == "finished"
    print_bias(result_console(), result)
    printed = capsys.readouterr().out
    assert printed.count("inflated") == 8
    assert "not distinguishable" not in printed
    assert "sequences in train and test" in printed
    assert "3 trainings on each side" in printed


def test_where_nothing_leaks_more_nothing_is_inflated(toy, tmp_path, capsys):
    sides = {"flawed": {"name": "random", "test": 0.2}, "sound": {"name": "sequence_disjoint", "test": 0.2}}
    result = compare(Plan("toy", sides, flags(HARMLESS), seeds=3), tmp_path / "found", say=quiet)
    for score in ("accuracy", "f1"):
        assert result["over_seeds"][score]["verdict"] == "not distinguishable"
        assert result["over_seeds"][score]["flawed"]["mean"] > 0.3  # of seven classes: the network has learnt
        assert result["over_seeds"][score]["sound"]["mean"] > 0.3
    print_bias(result_console(), result)
    table = capsys.readouterr().out.partition("3 trainings on each side")[2]
    assert table.count("not distinguishable") == 2


def test_both_sides_are_ordinary_runs_on_one_budget(toy, tmp_path, capsys):
    given = words(tmp_path, "--protocol", "random", "--against", "subject_kfold", "--against.k", "5", "--seed", "4")
    assert inflation(given) == 0
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "found" / "inflation.json").read_text())
    (row,) = result["seeds"]
    runs = {side: Record.read(tmp_path / "found" / row[side]["run"]) for side in ("flawed", "sound")}
    settings = {side: dict(record.config) for side, record in runs.items()}
    taken = settings["flawed"].pop("protocol")
    assert taken == {"name": "file", "seed": 0, "file": str(tmp_path / "found" / "splits" / "flawed-s4.json")}
    assert settings["sound"].pop("protocol") == {"name": "subject_kfold", "seed": 0, "k": 5}
    assert settings["flawed"]["seed"] == 4
    assert settings["flawed"] == settings["sound"]
    assert read_split(taken["file"])["protocol"] == {"name": "random", "seed": 0, "val": 0.1, "test": 0.1, "train": 42}
    tested = [{one["source"] for one in record.predictions() if one["split"] == "test"} for record in runs.values()]
    assert row["tested_by_both"] == len(tested[0] & tested[1]) > 0
    assert "Images that both sides test are taken for two" in printed
    assert row["sound"]["tested"]["subjects"] == 2
    assert row["flawed"]["train"] == row["sound"]["train"] == [42]
    assert (row["flawed"]["cut_from"], row["sound"]["cut_from"]) == ([56], None)
    assert runs["flawed"].manifest["data"]["counts"]["train"] == dict.fromkeys(CLASSES, 6)
    assert result["budget"] == {"epochs": 1, "batch_size": 16, "same": True}
    assert "42 (cut from 56)" in printed
    for side, record in runs.items():
        assert row[side]["accuracy"] == record.metrics["test"]["accuracy"]
        assert row[side]["split_hashes"] == [record.manifest["data"]["split_hash"]]
        assert row[side]["leaks"] == [record.manifest["data"]["leaks"]]
    assert "0 (of 5)" in printed


def test_all_folds_where_they_are_asked_for(toy, tmp_path, capsys):
    given = ["--protocol", "kfold", "--protocol.k", "3", "--against", "subject_kfold", "--against.k", "3"]
    assert inflation(words(tmp_path, *given, "--folds", "all", "--json")) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result == json.loads((tmp_path / "found" / "inflation.json").read_text())
    assert err.count("trained on") == 2
    (row,) = result["seeds"]
    assert row["flawed"]["n"] == row["sound"]["n"] == row["tested_by_both"] == 70
    assert len(row["flawed"]["split_hashes"]) == len(row["sound"]["leaks"]) == 3
    assert result["protocols"]["flawed"] == {
        "name": "kfold",
        "k": 3,
        "flaw": None,
        "folds": 3,
        "folds_run": [0, 1, 2],
    }


def test_a_protocol_that_says_its_flaw_is_quoted(toy, tmp_path, capsys, make_distribution):
    source = """
    import numpy as np
    from fer_plugins.contract import Fold


    def peeking(table, seed):
        del seed
        test = np.flatnonzero(table.split != "train")
        return [Fold(np.flatnonzero(table.split == "train"), test, test)]


    peeking.flaw = "selects the epoch on the test split"
    """
    make_distribution("peek", [("protocols", "peeking", "peek:peeking")], source)
    assert inflation(words(tmp_path, "--protocol", "peeking", "--against", "official", "--protocol.seed", "3")) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "selects the epoch on the test" in printed
    result = json.loads((tmp_path / "found" / "inflation.json").read_text())
    assert result["protocols"]["flawed"]["flaw"] == "selects the epoch on the test split"
    assert result["seeds"][0]["protocol_seed"] == 3
    assert result["budget"]["same"]


def test_images_that_are_made_are_not_cut_and_that_is_said(toy, tmp_path, capsys):
    given = ["--protocol", "random", "--against", "official", "--data.balance", "augment"]
    assert inflation(words(tmp_path, *given, "--data.balance_with", "flip_affine_erase")) == 0
    result = json.loads((tmp_path / "found" / "inflation.json").read_text())
    assert [result["seeds"][0][side]["train"] for side in ("flawed", "sound")] == [[56], [42]]
    assert not result["budget"]["same"]
    assert not (tmp_path / "found" / "splits").exists()
    assert "NOT THE SAME BUDGET" in capsys.readouterr().out


def test_a_limit_and_a_cut_go_together_and_the_run_can_be_repeated(toy, tmp_path):
    given = words(tmp_path, "--protocol", "random", "--against", "subject_kfold", "--against.k", "5")
    assert inflation([*given, "--data.limit", "63", "--run.fold", "1"]) == 0
    result = json.loads((tmp_path / "found" / "inflation.json").read_text())
    row = result["seeds"][0]
    assert row["flawed"]["cut_from"] > row["flawed"]["train"] == row["sound"]["train"]
    assert result["protocols"]["sound"]["folds_run"] == [1]
    assert result["protocols"]["flawed"]["folds_run"] == [0]
    counts = Record.read(tmp_path / "found" / row["flawed"]["run"]).manifest["data"]["counts"]
    left_out = row["flawed"]["cut_from"][0] - row["sound"]["train"][0]
    assert sum(sum(split.values()) for split in counts.values()) == 63 - left_out
    again = run(config.resolve(files=[str(tmp_path / "found" / row["flawed"]["run"] / "config.yaml")]))
    assert again.manifest["data"]["split_hash"] == row["flawed"]["split_hashes"][0]
    assert again.metrics["test"]["accuracy"] == row["flawed"]["accuracy"]


def test_a_split_file_may_be_a_side(toy, tmp_path):
    data = ["data", "split", "synthetic", "--data.samples", "70", "--data.frames", "1", "--protocol", "random"]
    assert main.call("fer", main._verb, [*data, "--out", str(tmp_path / "shared.json")]) == 0
    given = words(tmp_path, "--protocol.file", str(tmp_path / "shared.json"), "--against", "official")
    given += ["--data.image_size", "48"]  # the split's own images
    assert main.call("fer", inflation, given) == 0
    result = json.loads((tmp_path / "found" / "inflation.json").read_text())
    assert result["protocols"]["flawed"]["file"] == str(tmp_path / "shared.json")
    assert result["budget"]["same"]


def test_a_network_that_broke_down_gives_no_verdict(toy, tmp_path, capsys):
    given = words(tmp_path, "--protocol", "random", "--against", "official", "--optimizer.lr", "30")
    assert inflation(given) == 0
    printed = capsys.readouterr().out
    assert "NOT A RESULT" in printed
    assert "distinguishable" not in printed
    assert "inflated" not in printed


def test_a_training_that_fails_leaves_its_seed_out_and_what_was_done_stays(toy, tmp_path, monkeypatch):
    data = {"samples": 210, "subjects": 10}
    sides = {"flawed": {"name": "random"}, "sound": {"name": "official"}}
    failing = Plan("toy", sides, flags(data, model={"explode_at": 5}, trainer={"epochs": 1}), seeds=2)
    with pytest.raises(RunError, match=r"seed 0, random: .*nan.*; seed 1, random: .*nan"):
        compare(failing, tmp_path / "found", say=quiet)
    left = list((tmp_path / "found" / "runs").iterdir())  # one a seed: the other side has nothing to be compared with
    assert [Record.read(folder).manifest["status"] for folder in left] == ["failed", "failed"]
    saved = json.loads((tmp_path / "found" / "inflation.json").read_text())
    assert (saved["status"], saved["seeds"], list(saved["failed"])) == (
        "failed",
        [],
        ["seed 0, random", "seed 1, random"],
    )


def interrupt_at(epoch):
    """Return a training step that presses Ctrl-C when an epoch begins, counted from 1 over all trainings."""
    real, begun = FERModule.training_step, []

    def step(self, batch, batch_idx):
        if batch_idx == 0:
            begun.append(self.current_epoch)
        if len(begun) == epoch:
            raise KeyboardInterrupt
        return real(self, batch, batch_idx)

    return step


def test_an_interrupted_comparison_goes_on_with_the_same_command(toy, tmp_path, monkeypatch, capsys):
    given = words(tmp_path, "--protocol", "random", "--against", "subject_kfold", "--against.k", "5", "--seeds", "2")
    given += ["--trainer.epochs", "2"]
    place = given.index("--out") + 1
    with monkeypatch.context() as patch:
        patch.setattr(FERModule, "training_step", interrupt_at(epoch=4))  # the second of the sound side
        assert main.call("fer", inflation, given) == 1
    text = "fer: interrupted, finished trainings: 1; continue with the same command and --out"
    assert capsys.readouterr().err == f"{text} {given[place]}\n"
    (tmp_path / "found").rename(tmp_path / "moved")
    given[place] = str(tmp_path / "moved")
    plan_file = tmp_path / "moved" / "plan.json"
    plan = json.loads(plan_file.read_text())
    del plan["trainer.compile"]  # as an older version wrote it
    plan_file.write_text(json.dumps(plan))
    assert main.call("fer", inflation, [*given, "--optimizer.lr", "0.5"]) == 2
    assert "holds another comparison: optimizer.lr was 0.003, now it is 0.5" in capsys.readouterr().err
    assert inflation(given) == 0
    assert capsys.readouterr().out.count("finished already") == 1
    given[place] = str(tmp_path / "once")
    assert inflation(given) == 0

    def result(name):
        content = json.loads((tmp_path / name / "inflation.json").read_text())
        predictions = []
        for row in content["seeds"]:
            for side in (row["flawed"], row["sound"]):
                assert side.pop("seconds") > 0
                predictions.append((tmp_path / name / side.pop("run") / "predictions.csv").read_text())
        return content, predictions

    assert result("moved") == result("once")
    assert len(list((tmp_path / "moved" / "runs").iterdir())) == 4
    capsys.readouterr()
    assert inflation([*given, "--seeds", "3"]) == 0  # more seeds may be added
    assert capsys.readouterr().out.count("finished already") == 4
    assert len(json.loads((tmp_path / "once" / "inflation.json").read_text())["seeds"]) == 3


def test_the_same_test_images_are_compared_in_pairs_for_each_network(
    toy, tmp_path, capsys, make_distribution, monkeypatch
):
    source = """
    import numpy as np
    from fer_plugins.contract import Fold
    from toy import Toy


    def fewer(table, seed):
        del seed
        train, val, test = (np.flatnonzero(table.split == name) for name in ("train", "val", "test"))
        return [Fold(train[::2], val, test)]


    def small(*, num_classes, image_size, in_channels):
        return Toy(num_classes=num_classes, image_size=image_size, in_channels=in_channels, width=2)
    """
    entries = [("protocols", "fewer", "few:fewer"), ("architectures", "small", "few:small")]
    paper = (
        toy_net.PAPER.replace("toy:", "small:").replace("name: toy", "name: small").replace("model.width", "model.pool")
    )
    make_distribution("few", entries, source, files={"paper.yaml": paper})
    given = words(tmp_path, "--protocol", "official", "--against", "fewer", "--seeds", "3")
    given[given.index("toy")] = "toy,small"
    with monkeypatch.context() as patch:
        patch.setattr(FERModule, "training_step", interrupt_at(epoch=7))  # the second network's first
        assert main.call("fer", inflation, given) == 1
    assert f"continue with the same command and --out {tmp_path / 'found'}\n" in capsys.readouterr().err
    assert inflation(given) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("finished already") == 6
    assert "Both sides test the same images, so they are paired" in printed
    assert "Newcombe" not in printed
    assert "all networks: official less fewer" in printed
    results = json.loads((tmp_path / "found" / "inflation.json").read_text())["networks"]
    assert list(results) == ["toy", "small"]
    for name, result in results.items():
        assert result == json.loads((tmp_path / "found" / name / "inflation.json").read_text())
        assert {row["comparison"] for row in result["seeds"]} == {"paired by test image"}
        assert len(result["seeds"]) == result["over_seeds"]["accuracy"]["sound"]["seeds"] == 3
        row = result["seeds"][0]
        assert row["flawed"]["train"] == row["sound"]["train"]  # cut to one size
        runs = [Record.read(tmp_path / "found" / name / row[side]["run"]) for side in ("flawed", "sound")]
        flawed, sound = (
            {one["source"]: one["true"] == one["predicted"] for one in run.predictions() if one["split"] == "test"}
            for run in runs
        )
        assert flawed.keys() == sound.keys()
        only = [sum(flawed[key] > sound[key] for key in flawed), sum(flawed[key] < sound[key] for key in flawed)]
        expected = hit_difference(only[1], only[0], len(flawed))
        found = row["differences"]["accuracy"]
        assert found["method"] == "Bonett-Price"
        assert [100 * found[key] for key in ("difference", "low", "high")] == pytest.approx(
            [expected[key] for key in ("points", "low", "high")]
        )
        assert row["differences"]["f1"]["method"] == "paired stratified bootstrap"


def answers(sources, true, predicted):
    return NamedPredictions(
        tuple(sources),
        np.array(true),
        np.array(predicted),
        np.zeros((len(true), 2)),
        np.full(len(true), ""),
        np.full(len(true), -1),
        *[np.full(len(true), "")] * 2,
    )


def test_copies_are_told_apart_and_other_test_sets_are_not_paired():
    flawed = answers("abcd", [0, 0, 1, 1], [0, 0, 1, 0])
    sound = answers("dcba", [1, 1, 0, 0], [0, 1, 1, 1])
    result = compare_predictions(flawed, sound, 2, {"a", "b"})
    assert (result["comparison"], result["tested_by_both"]) == ("paired by test image", 4)
    assert result["differences"]["accuracy"]["difference"] == pytest.approx(0.5)
    subsets = {
        name: (split["n"], split["differences"]["accuracy"]["difference"])
        for name, split in result["by_copies"].items()
    }
    assert subsets == {"without a copy": (2, 0.0), "with a copy": (2, 1.0)}
    assert compare_predictions(flawed, sound, 2, set())["by_copies"].keys() == {"without a copy"}
    other = compare_predictions(flawed, answers("abce", [0, 0, 1, 1], [0, 0, 1, 0]), 2, {"a"})
    assert (other["comparison"], other["tested_by_both"], other["by_copies"]) == ("two test sets", 3, None)
    assert other["differences"]["accuracy"]["method"] == "Newcombe score"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--protocol", "random"], "--against needs a protocol's name"),
        (["--against", "official"], "--protocol needs a protocol's name"),
        (["--protocol", "random", "--against.k", "5"], "--against needs a protocol's name"),
        (["--protocol", "random", "--against", "offical"], "did you mean official"),
        (["--protocol", "random", "--against", "kfold", "--against.q", "5"], "unknown option of protocol kfold"),
        (["--protocol", "official", "--against", "official"], "there is nothing to compare"),
        (["--protocol", "random", "--against", "official", "--seeds", "0"], "--seeds 0: expected a whole number"),
        (["--protocol", "random", "--against", "official", "--seeds", "1.5"], "--seeds 1.5: expected a whole number"),
        (["--protocol", "random", "--against", "official", "--folds", "2"], "--folds 2: expected all"),
        (["--protocol", "random", "--against", "official", "--against.seed", "1"], "both protocols take"),
        (["--protocol", "random", "--against", "official", "--run.test", "false"], "run.test: is false"),
        (["--protocol", "random", "--against", "official", "--resume", "x"], "takes fer-run's flags except"),
        (["--protocol", "random", "--against", "subject_kfold", "--against.k", "11"], "10 subjects make no 11 folds"),
        (["--protocol", "random", "--against", "kfold", "--run.fold", "10"], "protocol kfold has folds 0 to 9"),
        (["--protocol", "random", "--against", "official", "--data.leaks", "error"], "the splits leak"),
        (["--protocol", "random", "--against", "official", "--model.widht", "3"], "did you mean width"),
        (["--protocol", "random", "--against", "official", "--optimizer.lr", "a"], "optimizer.lr"),
    ],
)
def test_wrong_words_are_one_line_and_nothing_is_left(toy, tmp_path, capsys, more, message):
    assert main.call("fer", inflation, words(tmp_path, *more)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "found").exists()


def test_a_folder_that_is_there_is_left_alone(toy, tmp_path, capsys):
    (tmp_path / "found").mkdir()
    assert main.call("fer", inflation, words(tmp_path, "--protocol", "random", "--against", "official")) == 2
    assert "already exists" in capsys.readouterr().err
    assert not list((tmp_path / "found").iterdir())


def test_a_plugin_is_needed(capsys):
    assert main.call("fer", inflation, ["--protocol", "random", "--against", "official"]) == 2
    assert "needs --plugin" in capsys.readouterr().err


def test_a_plan_from_python_is_checked_too(toy, tmp_path):
    sides = {"flawed": {"name": "official"}, "sound": {"name": "official"}}
    with pytest.raises(InputError, match="nothing to compare"):
        compare(Plan("toy", sides), Path(tmp_path, "found"))
