"""Trained on one dataset, tested on others."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from fer_plugins import cli, config
from fer_plugins.assemble import build_data
from fer_plugins.data.protocols import flaw_of
from fer_plugins.errors import InputError
from fer_plugins.evaluate.by_dataset import confusion, gap, prior_adjusted_accuracy, score_targets
from fer_plugins.evaluate.metrics import Predictions
from fer_plugins.run import run

_spec = importlib.util.spec_from_file_location("fake_datasets", Path(__file__).with_name("fake_datasets.py"))
fake = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fake)


def data_of(*words):
    flags = cli.parse(["--data.cache", "none", "--protocol", "cross_dataset", *map(str, words)]).flags
    return build_data(config.resolve(flags, plugin="conv_relu_ann").config)


@pytest.fixture
def roots(tmp_path):
    return {
        "jaffe": fake.write_folder(fake.jaffe(each=2), tmp_path / "jaffe"),
        "ckplus": fake.write_folder(fake.ckplus_folders(4), tmp_path / "ck"),
        "rafdb": fake.write_folder(fake.rafdb_folders(12), tmp_path / "raf"),
    }


def rafdb_to(roots, *words):
    target = ("--data.targets.ckplus.root", roots["ckplus"], "--data.targets.ckplus.check", "off")
    return data_of("--data", "rafdb", "--data.root", roots["rafdb"], "--data.check", "off", *target, *words)


def test_own_parts_train_and_the_whole_of_the_other_is_tested(roots):
    data = rafdb_to(roots)
    origin = data.table.origin
    assert set(origin[data.fold.train]) == set(origin[data.fold.val]) == {""}
    assert (data.table.split[data.fold.test] == "test").all()
    assert (origin[data.fold.test] == "").sum() == 84  # the release's own test part
    assert (origin[data.fold.test] == "ckplus").sum() == 4 * 6 * 3  # six of seven classes: RAF-DB has no contempt
    assert data.dataset.left_out == {"ckplus": {"contempt": 12}}
    assert any("classes that RAF-DB lacks were left out: contempt (12)" in note for note in data.notes)
    assert any("ckplus: has no neutral" in note for note in data.notes)
    assert flaw_of(data.protocol) is None


def test_labels_are_matched_by_name(roots):
    data = rafdb_to(roots)
    for row in np.flatnonzero(data.table.origin == "ckplus"):
        folder = data.table.source[row].split("/")[1]
        assert fake.EXPRESSIONS[data.table.label[row]][:3] == folder[:3]


def test_a_dataset_without_a_split_is_split_by_subject(roots):
    data = data_of(
        *("--data", "jaffe", "--data.root", roots["jaffe"], "--data.check", "off", "--protocol.parts", "3"),
        *("--data.targets.rafdb.root", roots["rafdb"], "--data.targets.rafdb.check", "off"),
    )
    subjects = [set(data.table.subject[part]) for part in data.fold]
    assert not subjects[0] & subjects[1]
    assert not subjects[0] & subjects[2]
    with_subjects = data_of(
        *("--data", "jaffe", "--data.root", roots["jaffe"], "--data.check", "off", "--protocol.parts", "3"),
        *(
            "--data.targets.ck.root",
            roots["ckplus"],
            "--data.targets.ck.check",
            "off",
            "--data.targets.ck.name",
            "ckplus",
        ),
    )
    subjects = [set(with_subjects.table.subject[part]) for part in with_subjects.fold]
    assert not subjects[0] & subjects[1]
    assert not subjects[0] & subjects[2]
    assert "ck:S001" in subjects[2]


def test_copies_of_training_images_are_left_out_of_the_other_dataset(roots):
    twin = next((roots["rafdb"] / "DATASET/train/4").iterdir())
    (roots["ckplus"] / "CK+48/happy/S099_001_00000001.png").write_bytes(twin.read_bytes())
    data = {dedupe: rafdb_to(roots, "--protocol.dedupe", dedupe) for dedupe in ("true", "false")}
    sources = {key: set(one.table.source[one.fold.test]) for key, one in data.items()}
    assert sources["false"] - sources["true"] == {"ckplus:CK+48/happy/S099_001_00000001.png"} or any(
        twin.name in name for name in data["true"].table.source[data["true"].fold.val]
    )
    assert data["false"].leaks.copies["train", "test"] + data["false"].leaks.copies["val", "test"] == 1
    assert not any(data["true"].leaks.copies.values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there is nothing to test on; give --data.targets.NAME.root PATH"),
        (["--data.targets.ckplus", "x"], "expected NAME: {root: PATH}"),
        (["--data.targets.nothing.root", "x"], "data.targets.nothing: unknown dataset 'nothing'"),
        (["--data.targets.jaffe.root", "no/where"], "data.targets.jaffe: no/where: does not exist"),
    ],
)
def test_wrong_targets_are_one_line(words, said):
    with pytest.raises(InputError) as caught:
        data_of("--data", "synthetic", "--data.samples", "420", *words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_targets_without_the_protocol_and_without_a_common_class(tmp_path):
    settings = {"data": {"name": "synthetic", "targets": {"jaffe": {"root": "x"}}}}
    with pytest.raises(InputError, match="are tested under --protocol cross_dataset"):
        run({"plugin": "lenet5", **settings})
    root = fake.write_folder(fake.class_folders(("bored", "tired")), tmp_path)
    with pytest.raises(InputError, match=r"data\.targets\.folder: has none of the classes"):
        data_of(
            *("--data", "synthetic", "--data.samples", "420", "--data.targets.folder.root", root),
            *("--data.targets.folder.on_unknown_label", "keep"),
        )


# Scores, by hand.


def predictions(label, predicted, size=3):
    label, predicted = np.array(label), np.array(predicted)
    probabilities = np.full((len(label), size), 0.1)
    probabilities[np.arange(len(label)), predicted] = 0.8
    loss = -np.log(probabilities[np.arange(len(label)), label])
    return Predictions(np.arange(len(label)), label, predicted, probabilities, loss, int((label == predicted).sum()))


def test_prior_adjusted_accuracy_is_recalls_under_the_own_shares():
    matrix = np.array([[8, 2, 0], [5, 5, 0], [0, 0, 0]])  # recalls 0.8 and 0.5, no third class
    found = prior_adjusted_accuracy(matrix, np.array([30, 10, 60]))
    assert found["value"] == pytest.approx(0.8 * 0.75 + 0.5 * 0.25)
    assert found["low"] < found["value"] < found["high"]


def test_the_gap_is_over_the_classes_that_both_have():
    own = np.array([[9, 1, 0], [0, 10, 0], [10, 0, 0]])  # the third class is always wrong, and the other lacks it
    other = np.array([[5, 5, 0], [0, 10, 0], [0, 0, 0]])
    found = gap(own, other)
    assert found["accuracy"]["value"] == pytest.approx(15 / 20 - 19 / 20)
    assert found["balanced_accuracy"]["value"] == pytest.approx(0.75 - 0.95)
    assert found["accuracy"]["low"] < -0.2 < found["accuracy"]["high"] < 0.05


def test_each_dataset_is_scored_apart():
    made = predictions([0, 1, 2, 0, 1, 0, 0], [0, 1, 2, 0, 0, 0, 1])
    origin = np.array(["", "", "", "a", "a", "b", "b"])
    found = score_targets(made, origin, ["x", "y", "z"])
    assert (found["a"]["accuracy"], found["b"]["accuracy"]) == (0.5, 0.5)
    assert (found["a"]["missing_classes"], found["b"]["missing_classes"]) == (["z"], ["y", "z"])
    assert found["b"]["prior_adjusted_accuracy"]["value"] == pytest.approx(0.5)
    assert confusion(made, 3).sum() == 7


def test_a_run_reports_its_own_test_part_and_each_other_dataset(roots, tmp_path, capsys):
    record = run(
        {
            "plugin": "lenet5",
            "data": {
                **{"name": "rafdb", "root": str(roots["rafdb"]), "check": "off", "cache": "none"},
                "targets": {"ck": {"name": "ckplus", "root": str(roots["ckplus"]), "check": "off"}},
            },
            "protocol": {"name": "cross_dataset"},
            "trainer": {"epochs": 1, "progress": "none"},
            "logger": {"name": "csv"},
            "run": {"output": str(tmp_path / "runs")},
        }
    )
    metrics = json.loads((record.folder / "metrics.json").read_text())
    assert (metrics["test"]["n"], metrics["targets"]["ck"]["n"]) == (84, 72)
    assert metrics["targets"]["ck"]["left_out"] == {"contempt": 12}
    rows = [row for row in record.predictions() if row["split"] == "test"]
    theirs = [row for row in rows if row["source"].startswith("ck:")]
    assert (len(rows), len(theirs)) == (156, 72)
    right = sum(row["true"] == row["predicted"] for row in theirs)
    assert metrics["targets"]["ck"]["accuracy"] == pytest.approx(right / 72)
    shown = capsys.readouterr().out
    rows = shown.partition("other datasets")[2].splitlines()
    assert any(row.split()[:3] == ["ck", "72", "accuracy"] for row in rows)
    assert "ck has no neutral" in shown
    assert "contempt (12)" in shown


def test_classes_that_were_left_out_are_known_from_the_cache_too(roots, tmp_path):
    for _ in range(2):
        data = rafdb_to(roots, "--data.cache", tmp_path / "cache")
        assert data.dataset.left_out == {"ckplus": {"contempt": 12}}
    assert data.from_cache


def test_soft_targets_are_kept_where_the_first_dataset_has_them(roots, tmp_path):
    votes = fake.write_folder(fake.ferplus(4), tmp_path / "votes")
    data = data_of(
        *("--data", "ferplus", "--data.root", votes, "--data.label_mode", "cross_entropy"),
        *("--data.targets.jaffe.root", roots["jaffe"], "--data.targets.jaffe.check", "off"),
    )
    assert data.dataset.target_mode == "distribution"
    others = data.table.origin == "jaffe"
    assert (data.table.target[others].argmax(1) == data.table.label[others]).all()
    assert ((data.table.target[~others] > 0).sum(1) > 1).any()
