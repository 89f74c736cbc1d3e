"""Trained on one dataset, tested on others."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sys

import numpy as np
import pytest
from support import fake_datasets as fake
from support import scatter_net as scatter
from support import written_run as written
from support.verbs import compare, figures, parse, table

from fer_plugins import config
from fer_plugins.analysis.figures.recorded import read_recorded
from fer_plugins.commands import main
from fer_plugins.data.protocols.fold_splits import find_release_splits
from fer_plugins.data.protocols.official import flaw_of
from fer_plugins.experiments.run import run
from fer_plugins.metrics.by_dataset import confusion, gap, prior_adjusted_accuracy, score_targets
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data


def data_of(*words):
    flags = parse(["--data.cache", "none", "--protocol", "cross_dataset", *map(str, words)]).flags
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
    assert (origin[data.fold.test] == "").sum() == 84  # the release's own test split
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
    sources = {key: set(module.table.source[module.fold.test]) for key, module in data.items()}
    assert sources["false"] - sources["true"] == {"ckplus:CK+48/happy/S099_001_00000001.png"} or any(
        twin.name in name for name in data["true"].table.source[data["true"].fold.val]
    )
    assert data["false"].leaks.copies["train", "test"] + data["false"].leaks.copies["val", "test"] == 1
    assert not any(data["true"].leaks.copies.values())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is nothing to test on; give --data.targets.NAME.root PATH"),
        (["--data.targets.ckplus", "x"], "expected NAME: {root: PATH}"),
        (["--data.targets.nothing.root", "x"], "data.targets.nothing: unknown dataset 'nothing'"),
        (["--data.targets.jaffe.root", "no/where"], "data.targets.jaffe: no/where: does not exist"),
    ],
)
def test_wrong_targets_are_one_line(words, message):
    with pytest.raises(InputError) as caught:
        data_of("--data", "synthetic", "--data.samples", "420", *words)
    assert message in str(caught.value)
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
    adjusted = prior_adjusted_accuracy(matrix, np.array([30, 10, 60]))
    assert adjusted["value"] == pytest.approx(0.8 * 0.75 + 0.5 * 0.25)
    assert adjusted["low"] < adjusted["value"] < adjusted["high"]


def test_the_gap_is_over_the_classes_that_both_have():
    own = np.array([[9, 1, 0], [0, 10, 0], [10, 0, 0]])  # the third class is always wrong, and the other lacks it
    other_matrix = np.array([[5, 5, 0], [0, 10, 0], [0, 0, 0]])
    differences = gap(own, other_matrix)
    assert differences["accuracy"]["value"] == pytest.approx(15 / 20 - 19 / 20)
    assert differences["balanced_accuracy"]["value"] == pytest.approx(0.75 - 0.95)
    assert differences["accuracy"]["low"] < -0.2 < differences["accuracy"]["high"] < 0.05


def test_each_dataset_is_scored_apart():
    made = predictions([0, 1, 2, 0, 1, 0, 0], [0, 1, 2, 0, 0, 0, 1])
    origin = np.array(["", "", "", "a", "a", "b", "b"])
    scores = score_targets(made, origin, ["x", "y", "z"])
    assert (scores["a"]["accuracy"], scores["b"]["accuracy"]) == (0.5, 0.5)
    assert (scores["a"]["missing_classes"], scores["b"]["missing_classes"]) == (["z"], ["y", "z"])
    assert scores["b"]["prior_adjusted_accuracy"]["value"] == pytest.approx(0.5)
    assert confusion(made, 3).sum() == 7


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs, seeds 0 and 1, of RAF-DB tested on CK+ too; what the first printed."""
    place = tmp_path_factory.mktemp("cross")
    raf = fake.write_folder(fake.rafdb_folders(12), place / "raf")
    ck = fake.write_folder(fake.ckplus_folders(4), place / "ck")
    package = {"__init__.py": scatter.SOURCE, "paper.yaml": scatter.PAPER, "claims.yaml": scatter.CLAIMS}
    files = {f"site/scatter/{name}": text.encode() for name, text in package.items()}
    info = "site/scatter-1.0.dist-info"
    needs = b"Metadata-Version: 2.1\nName: scatter\nVersion: 1.0\nRequires-Dist: fer-plugins>=0.1,<0.2\n"
    entry = b"[fer_plugins.architectures]\nscatter = scatter:Scatter\n"
    fake.write_folder({**files, f"{info}/METADATA": needs, f"{info}/entry_points.txt": entry}, place)
    printed, folders = io.StringIO(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place / "site"))
        patch.setenv("COLUMNS", "120")
        with contextlib.redirect_stdout(printed):
            for seed in (0, 1):
                settings = {
                    "plugin": "scatter",
                    "seed": seed,
                    "data": {
                        **{"name": "rafdb", "root": str(raf), "check": "off", "cache": "none"},
                        "targets": {"ck": {"name": "ckplus", "root": str(ck), "check": "off"}},
                    },
                    "protocol": {"name": "cross_dataset"},
                    "trainer": {"progress": "none"},
                    "logger": {"name": "csv", "figures": "off"},
                    "run": {"output": str(place / "runs")},
                }
                folders.append(run(settings).folder)
        yield folders, printed.getvalue()
    for name in [name for name in sys.modules if name.partition(".")[0] == "scatter"]:
        del sys.modules[name]


def lines_of(call, *words):
    capsys, *rest = words
    capsys.readouterr()
    code = main.call("fer", call, [str(word) for word in rest])
    return code, *capsys.readouterr()


def test_a_run_reports_its_own_test_part_and_each_other_dataset(trained):
    (folder, _), shown = trained
    record = Record.read(folder)
    metrics = record.metrics
    assert (metrics["test"]["n"], metrics["targets"]["ck"]["n"]) == (84, 72)
    assert metrics["targets"]["ck"]["left_out"] == {"contempt": 12}
    rows = [row for row in record.predictions() if row["split"] == "test"]
    theirs = [row for row in rows if row["dataset"] == "ck"]
    assert {row["dataset"] for row in record.predictions()} == {"", "ck"}
    assert all(row["source"].startswith("ck:") for row in theirs)
    assert (len(rows), len(theirs)) == (156, 72)
    hits = sum(row["true"] == row["predicted"] for row in theirs)
    assert metrics["targets"]["ck"]["accuracy"] == pytest.approx(hits / 72)
    assert sum(record.manifest["data"]["counts"]["test"].values()) == 84
    assert sum(record.manifest["data"]["target_counts"]["ck"].values()) == 72
    rows = shown.partition("other datasets")[2].splitlines()
    assert any(row.split()[:3] == ["ck", "72", "accuracy"] for row in rows)
    assert "ck has no neutral" in shown
    assert "contempt (12)" in shown


def test_the_others_classes_and_confusion_are_shown(trained):
    (folder, _), shown = trained
    scores = Record.read(folder).metrics["targets"]["ck"]
    per_class, _, confusion = shown.partition("test on ck, per class (72 images)")[2].partition("confusion")
    rows = {row.split()[0]: row.split() for row in per_class.splitlines() if row.strip()}
    for name, target_scores in scores["per_class"].items():
        assert rows[name][4] == str(target_scores["support"])
        assert rows[name][2] == ("-" if target_scores["recall"] is None else f"{target_scores['recall']:.4f}")
    matrix = [row.split() for row in confusion.splitlines() if row.strip()[:1].isdigit()]
    for row, name, counts in zip(matrix[:7], scores["classes"], scores["confusion_matrix"], strict=True):
        assert row[1:] == [name, *map(str, counts)]


def test_each_verb_takes_the_rows_that_it_is_asked_for(trained, capsys):
    (first, second), _ = trained
    metrics = Record.read(first).metrics
    for target, scores in (("", metrics["test"]), ("ck", metrics["targets"]["ck"])):
        words = ("--target", target) if target else ()
        assert read_run(first, target=target).scores == scores
        code, shown, error = lines_of(table, capsys, first, "--format", "csv", *words)
        assert (code, error) == (0, "")
        (row,) = csv.DictReader(io.StringIO(shown))
        assert float(row["accuracy"]) == pytest.approx(scores["accuracy"])
        assert row["n"] == str(scores["n"])
        assert row["dataset"] == ("ck (trained on RAF-DB)" if target else "RAF-DB")
        assert ("ck has no neutral" if target else "also tested on ck: fer table --target ck") in row["remarks"]
        code, shown, _ = lines_of(compare, capsys, first, second, "--json", "--classes", *words)
        result = json.loads(shown)
        assert (code, result["n"], result["target"]) == (0, scores["n"], target or None)
        assert result["models"][0]["runs"][0]["accuracy"] == scores["accuracy"]
        assert lines_of(compare, capsys, first, second, *words)[0] == 0


@pytest.mark.parametrize(
    ("call", "words", "message"),
    [
        (table, ["--target", "jaffe"], "was not tested on 'jaffe'; it was on ck"),
        (compare, ["--target=jaffe"], "was not tested on 'jaffe'; it was on ck"),
        (table, ["--target"], "--target needs a value: --target DATASET"),
        (compare, ["--target", "--json"], "--target needs a value: --target DATASET"),
        (compare, ["--target", "ck", "--target", "ck"], "--target is given 2 times; give it once"),
        (compare, ["--target", "ck", "--evaluated", "shift.zero.consistency"], "measures no data.targets"),
    ],
)
def test_a_target_that_is_not_there_is_one_line(trained, capsys, call, words, message):
    code, _, error = lines_of(call, capsys, *trained[0], *words)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


def test_a_run_without_other_datasets_says_so(tmp_path, capsys):
    folder = written.write_run(tmp_path / "plain", *written.draw(1))
    error = lines_of(table, capsys, folder, "--target", "ck")[2]
    assert "was not tested on 'ck'; only on the data it was trained on" in error


def without_the_column(folder, to, *, source=lambda name: name):
    """Copy a run and make its predictions.csv one of an earlier version."""
    shutil.copytree(folder, to)
    rows = Record.read(to).predictions()
    text = io.StringIO()
    writer = csv.DictWriter(text, [key for key in rows[0] if key != "dataset"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row | {"source": source(row["source"])} for row in rows)
    (to / "predictions.csv").write_text(text.getvalue())
    return to


def test_a_run_of_an_earlier_version_is_read(trained, tmp_path, capsys):
    first = trained[0][0]
    old = without_the_column(first, tmp_path / "old")
    for target in ("", "ck"):
        assert read_run(old, target=target).sources == read_run(first, target=target).sources
    assert read_recorded(old).predictions.label.tolist() == read_recorded(first).predictions.label.tolist()
    assert lines_of(table, capsys, old)[0] == 0


def test_rows_that_cannot_be_told_apart_do_not_stop_a_table_of_others(trained, tmp_path, capsys):
    first, second = trained[0]
    odd = without_the_column(first, tmp_path / "odd", source=lambda name: name.replace("ck:", "ck;"))
    code, shown, error = lines_of(table, capsys, odd, second)
    assert code == 0
    assert len(shown.partition("\n\n")[0].splitlines()) == 3  # two lines of heading, one run
    assert "left out: " in error
    code, _, error = lines_of(table, capsys, odd)
    assert code == 2
    assert "cannot be told from the others; train again: fer-run --config" in error
    assert "repeat the run" not in error
    config.resolve({}, files=[error.strip().rpartition("--config ")[2]])  # the remedy is a configuration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace(",ck\n", ",jaffe\n", 1),
            "is of dataset 'jaffe', which metrics.json has no scores of",
        ),
        (lambda text: text.replace(",ck\n", ",\n", 1), "rows of test"),
        (lambda text: "".join(line for line in text.splitlines(True) if "ck:" not in line), "no row of test of ck"),
    ],
)
def test_rows_of_another_dataset_that_were_altered_are_refused(trained, tmp_path, capsys, change, message):
    copy = shutil.copytree(trained[0][0], tmp_path / "copy")
    (copy / "predictions.csv").write_text(change((copy / "predictions.csv").read_text()))
    for call in (table, figures):
        code, _, error = lines_of(call, capsys, copy)
        assert (code, error.count("\n")) == (2, 1)
        assert call is figures or message in error


def test_scores_of_another_type_are_refused(trained, tmp_path, capsys):
    copy = shutil.copytree(trained[0][0], tmp_path / "copy")
    metrics = json.loads((copy / "metrics.json").read_text())
    for targets in ([], 3, {"ck": 1}, {"ck": None}, {"ck": {}}, {"a.b": []}):
        (copy / "metrics.json").write_text(json.dumps({**metrics, "targets": targets}))
        for call in (table, figures):
            code, _, error = lines_of(call, capsys, copy)
            assert (code, error.count("\n")) == (2, 1), (targets, error)


def test_a_part_holds_every_class_of_every_dataset(roots):
    for words in ([], ["--protocol.dedupe", "false"]):
        data = rafdb_to(roots, "--data.limit", "120", "--protocol.parts", "3", *words)
        origin, label = data.table.origin[data.fold.test], data.table.label[data.fold.test]
        assert set(label[origin == ""]) == set(range(7))
        assert set(label[origin == "ckplus"]) == set(range(6))
    with pytest.raises(InputError, match="at least 20 are needed to have every class in every split of every dataset"):
        rafdb_to(roots, "--data.limit", "19")
    jaffe = ("--data.targets.jaffe.root", roots["jaffe"], "--data.targets.jaffe.check", "off")
    table = rafdb_to(roots, *jaffe).table
    chosen = table.rows(table.subset(40))
    assert len(chosen) == 40
    for name, size in (("ckplus", 6), ("jaffe", 7)):
        assert len(set(chosen.label[chosen.origin == name])) == size


def test_the_release_s_own_parts_are_known_by_their_images(roots):
    faces = fake.write_folder(fake.ferplus(4), roots["jaffe"].parent / "fer")
    fer2013 = ("--data", "fer2013", "--data.root", faces / "fer2013.csv", "--data.check", "off")
    target = ("--data.targets.ckplus.root", roots["ckplus"], "--data.targets.ckplus.check", "off")

    def parts(data, **limited):
        return find_release_splits(data.table, data.fold, **({"limited": False} | limited))

    assert parts(data_of(*fer2013, *target)) == ["train", "val", "test"]  # the release's own three
    assert parts(rafdb_to(roots)) == ["test"]  # validation was drawn from train
    some = rafdb_to(roots, "--data.limit", "120", "--protocol.parts", "3")
    assert parts(some) == []
    assert parts(some, limited=True) == ["train", "test"]  # images of train, and of nothing else, train
    jaffe = ("--data", "jaffe", "--data.root", roots["jaffe"], "--data.check", "off", "--protocol.parts", "3")
    assert parts(data_of(*jaffe, *target)) == []
    drawn = data_of(*fer2013, "--protocol", "random")
    assert parts(drawn) == []
    assert parts(drawn, limited=True) == []


def test_a_claim_is_beside_the_release_s_own_test_part(trained):
    claims = Record.read(trained[0][0]).metrics["claims"]
    assert claims  # the paper claims something about RAF-DB
    assert not any("not on the release's own split" in claim["note"] for claim in claims)


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
    foreign = data.table.origin == "jaffe"
    assert (data.table.target[foreign].argmax(1) == data.table.label[foreign]).all()
    assert ((data.table.target[~foreign] > 0).sum(1) > 1).any()
