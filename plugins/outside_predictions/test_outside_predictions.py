"""Predictions of other code become a run, which every verb takes and says of that it was trained elsewhere."""

import csv
import io
import json
import re

import numpy as np
import pytest
import yaml
from fer_outside_predictions.matching import find_better_order
from scipy.special import softmax
from support import fake_fer2013, verbs

from fer_plugins.commands.usage import invoke
from fer_plugins.config import registry, resolve_data
from fer_plugins.data.images import digest_of
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_command
from fer_plugins.training.build import build_data

SPOKEN = ("Angry", "disgusted", "fear", "happiness", "sad", "surprise", "neutral")  # in the order of the labels
EACH = 12  # images of a class and split


class Outside:
    """A dataset of noise, and logits of its test images that are correct in about three of four."""

    def __init__(self, folder):
        faces = fake_fer2013.make_faces(EACH)
        self.root = fake_fer2013.write_csv_layout(folder, faces)
        dataset = registry.build("dataset", "fer2013", root=str(self.root), check="warn")
        self.rows = np.flatnonzero(np.asarray(dataset.table["split"]) == "test")
        self.names = [str(dataset.table["source"][row]) for row in self.rows]
        self.digests = [digest_of(dataset[row]) for row in self.rows]
        self.true = np.asarray(dataset.table["label"])[self.rows]
        random = np.random.default_rng(0)
        logits = random.normal(size=(len(self.rows), 7))
        logits[np.arange(len(self.rows)), self.true] += 2.5
        self.logits, self.probabilities = logits, softmax(logits, axis=1)
        self.accuracy = float((logits.argmax(1) == self.true).mean())
        self.order = random.permutation(len(self.rows))  # of the rows in a file

    def score(self, file, *words, out):
        given = ["--data", "fer2013", "--data.root", self.root, "--data.check", "warn", "--out", out]
        code = verbs.score([file, *given, *words])
        assert code == 0
        (run,) = out.iterdir()
        return run

    def write(self, file, header, rows):
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *rows] if header else rows)
        return file

    def write_named(self, file, classes=SPOKEN, values=None):
        values = self.probabilities if values is None else values
        return self.write(file, ["file", *classes], [[self.names[row], *values[row]] for row in self.order])


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_CACHE_DIR", str(folder / "cache"))
        patch.setenv("COLUMNS", "120")
        yield Outside(folder)


@pytest.fixture(scope="module")
def scored(outside, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    file = outside.write_named(folder / "theirs.csv")
    return outside.score(file, "--claims", "dcnn_bilstm_dam", out=folder / "runs")


def test_the_contract_holds():
    check_command(registry.load(registry.find("command", "score")))


def write_digests(outside, file):
    prefixed = [f"p_{name}" for name in SPOKEN]
    rows = [[*outside.probabilities[row], outside.digests[row].upper()] for row in outside.order]
    return outside.write(file.with_suffix(".csv"), [*prefixed, "digest"], rows)


def write_rows(outside, file):
    rows = [[f"{value:.5f}" for value in row] for row in outside.probabilities]
    return outside.write(file.with_suffix(".csv"), None, rows)


def write_objects(outside, file):
    lines = [
        {"path": f"elsewhere/{outside.names[row]}", "logits": dict(zip(SPOKEN, outside.logits[row], strict=True))}
        for row in outside.order
    ]
    file.with_suffix(".jsonl").write_text("\n".join(map(json.dumps, lines)))
    return file.with_suffix(".jsonl")


def write_lists(outside, file):
    lines = [
        {"probs": row.tolist(), "label": float(label)}
        for row, label in zip(outside.probabilities, outside.true, strict=True)
    ]
    file.with_suffix(".jsonl").write_text("\n".join(map(json.dumps, lines)))
    return file.with_suffix(".jsonl")


def write_arrays(outside, file):
    np.savez(
        file,
        logits=outside.logits[outside.order][:, ::-1],
        classes=SPOKEN[::-1],
        names=np.array(outside.names)[outside.order],
        epochs=3,
    )
    return file.with_suffix(".npz")


def write_matrix(outside, file):
    np.save(file, outside.logits.astype(np.float32))
    return file.with_suffix(".npy")


def write_as_fer_predict(outside, file):
    """Write the columns of ``fer predict --format csv``, of which some hold numbers of no class."""
    place = [
        "file",
        "frame",
        "time",
        "face",
        "left",
        "top",
        "right",
        "bottom",
        "detector",
        "score",
        "predicted",
        "flags",
    ]
    called = [SPOKEN[column] for column in outside.probabilities.argmax(1)]
    rows = [
        [
            f"faces/{outside.names[row]}",
            "",
            "",
            1,
            0,
            0,
            48,
            48,
            "none",
            1,
            called[row],
            "",
            *outside.probabilities[row],
        ]
        for row in outside.order
    ]
    return outside.write(file.with_suffix(".csv"), [*place, *(f"p_{name}" for name in SPOKEN)], rows)


NAMED = ["--classes", ",".join(SPOKEN)]
FORMATS = {
    "names": (lambda outside, file: outside.write_named(file.with_suffix(".csv")), [], "name", "probabilities"),
    "fer predict": (write_as_fer_predict, [], "name", "probabilities"),
    "digests": (write_digests, [], "digest", "probabilities"),
    "rows": (write_rows, NAMED, "order", "probabilities"),
    "objects": (write_objects, [], "name", "logits"),
    "lists": (write_lists, NAMED, "order", "probabilities"),
    "arrays": (write_arrays, [], "name", "logits"),
    "matrix": (write_matrix, [*NAMED, "--values", "logits"], "order", "logits"),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_gives_the_same_run(form, outside, tmp_path):
    write, words, matched_by, values = FORMATS[form]
    folder = outside.score(write(outside, tmp_path / "theirs"), *words, out=tmp_path / "runs")
    run = read_run(folder)
    assert run.scores["accuracy"] == pytest.approx(outside.accuracy)
    assert run.scores["n"] == 7 * EACH
    origin = run.record.manifest["trained_elsewhere"]
    assert (origin["matched_by"], origin["values"]) == (matched_by, values)
    assert run.sources == tuple(outside.names)
    np.testing.assert_array_equal(run.true, outside.true)
    np.testing.assert_allclose(
        run.predictions.probabilities, outside.probabilities, atol=0.002 if form == "rows" else 1e-5
    )
    assert not (folder / "checkpoints").exists()
    by_order = any("by their order" in warning for warning in run.record.manifest["warnings"])
    assert by_order == (matched_by == "order")


def test_a_run_s_own_predictions_score_as_the_run(outside, scored, tmp_path):
    again = outside.score(scored / "predictions.csv", out=tmp_path / "runs")
    first, second = (Record.read(folder).metrics["test"] for folder in (scored, again))
    assert second["confusion_matrix"] == first["confusion_matrix"]
    assert second["loss"] == pytest.approx(first["loss"], abs=1e-5)


def test_everything_says_trained_elsewhere(scored):
    run = read_run(scored)
    assert run.elsewhere.startswith("trained elsewhere: ")
    manifest, metrics = (json.loads((scored / name).read_text()) for name in ("manifest.json", "metrics.json"))
    assert manifest["trained_elsewhere"]["claims_of"] == "dcnn_bilstm_dam"
    assert metrics["trained_elsewhere"] is True
    assert run.elsewhere in manifest["warnings"]
    assert any("predictions of theirs.csv" in reason for reason in manifest["test_opened"])
    config = yaml.safe_load((scored / "config.yaml").read_text())
    assert set(config) == {"model", "data", "protocol"}
    assert all(run.elsewhere in " ".join(row["notes"]) for row in metrics["claims"])
    assert metrics["claims"]


def test_table_compare_and_verify_take_it_beside_another(outside, scored, tmp_path, capsys):
    weaker = outside.logits + np.random.default_rng(1).normal(scale=3, size=outside.logits.shape)
    file = outside.write_named(tmp_path / "weaker.csv", values=weaker)
    other = outside.score(file, out=tmp_path / "runs")
    assert "TRAINED ELSEWHERE weaker, weaker.csv" in capsys.readouterr().out
    verbs.table([scored, other])
    printed = capsys.readouterr().out
    assert "theirs, trained elsewhere" in printed
    assert "labels, split and scores are checked" in printed
    assert "| not known |" in printed
    verbs.table([scored, "--columns", "accuracy,params,best_epoch,train_time"])
    verbs.table([scored, "--quoted"])
    capsys.readouterr()
    verbs.compare([scored, other])
    printed = capsys.readouterr().out
    assert "A  theirs, trained elsewhere" in printed
    assert "note: " in printed
    assert "A better" in printed  # their seeds are not known
    third = outside.score(outside.write_named(tmp_path / "third.csv", values=2 * weaker), out=tmp_path / "more")
    capsys.readouterr()
    verbs.compare([scored, other, third])
    printed = capsys.readouterr().out
    assert printed.count("note: all 3 runs: trained elsewhere: what the network was trained") == 1
    assert printed.count("labels, split and") == 1
    assert not re.search(r"\bs0\b|seed 0", printed)
    verbs.compare([scored, "--classes"])
    verbs.verify([scored])
    printed = " ".join(capsys.readouterr().out.split())
    assert "seed not known protocol official" in printed
    assert "trained elsewhere: what the network" in printed
    assert "Verdicts depend on these readings: trained elsewhere" in printed
    verbs.verify([scored, "--json"])
    (report,) = json.loads(capsys.readouterr().out)
    assert report["trained_elsewhere"].startswith("trained elsewhere")
    with pytest.raises(InputError, match=r"no paper's claims were named; .* --claims PLUGIN") as refused:
        verbs.verify([other])
    assert "\n" not in str(refused.value)


def test_figures_are_drawn_with_the_words_in_their_titles(scored, capsys):
    verbs.figures([scored])
    names = {path.stem for path in (scored / "figures").glob("*.svg")}
    assert {"confusion_counts", "per_class", "reliability", "roc"} <= names
    assert "no curves" in capsys.readouterr().out


@pytest.mark.parametrize(
    "call",
    [
        lambda run: verbs.robustness([run]),
        lambda run: verbs.predict([run, run / "figures"]),
        lambda run: verbs.figures([run, "--explain"]),
        lambda run: verbs.figures([run, "--augmentation"]),
        lambda run: invoke(verbs.run, "fer-run", ["--resume", str(run)]),
    ],
    ids=["robustness", "predict", "explain", "augmentation", "resume"],
)
def test_what_needs_a_network_is_refused(call, scored):
    (scored / "figures").mkdir(exist_ok=True)
    (scored / "figures" / "face.png").write_bytes(b"")
    with pytest.raises(InputError, match="trained elsewhere, so there are predictions here and no network"):
        call(scored)


def test_a_configuration_of_it_trains_nothing(scored):
    with pytest.raises(InputError, match="theirs"):
        invoke(verbs.run, "fer-run", ["--config", str(scored / "config.yaml")])


def test_its_record_is_kept_and_stands_on_the_page(scored, tmp_path, capsys):
    with pytest.raises(InputError, match="give --to FOLDER"):
        verbs.results(["add", scored])
    verbs.results(["add", scored, "--to", tmp_path / "kept"])
    assert verbs.results(["check", tmp_path / "kept"]) == 0
    capsys.readouterr()
    verbs.results(["page", tmp_path / "kept"])
    page = capsys.readouterr().out
    assert "`theirs`" in page
    assert "trained elsewhere: what the network" in page
    assert "fer reproduce" not in page.partition("## ")[2]
    (kept,) = (tmp_path / "kept").iterdir()
    with pytest.raises(InputError, match="no network"):
        verbs.reproduce([kept, "--data.root", tmp_path])


def test_a_wrong_order_of_classes_is_noticed_and_the_remedy_works(outside, tmp_path):
    """The columns are alphabetical, and the user says that they are in the dataset's order."""
    alphabetical = [0, 1, 2, 3, 6, 4, 5]  # angry, disgust, fear, happy, neutral, sad, surprise
    np.save(tmp_path / "p.npy", outside.logits[:, alphabetical])
    run = read_run(outside.score(tmp_path / "p.npy", *NAMED, out=tmp_path / "wrong"))
    (notice,) = [
        warning for warning in run.record.manifest["warnings"] if getattr(warning, "code", "") == "class_order"
    ]
    assert run.scores["accuracy"] < outside.accuracy - 0.2
    assert notice.data["order"] == ["anger", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    order = ",".join(notice.data["order"])
    assert f"accuracy {outside.accuracy:.4f} and not {run.scores['accuracy']:.4f}, with --classes {order};" in notice
    right = read_run(outside.score(tmp_path / "p.npy", "--classes", order, out=tmp_path / "right"))
    assert right.scores["accuracy"] == pytest.approx(outside.accuracy)
    codes = [getattr(warning, "code", "") for warning in right.record.manifest["warnings"]]
    assert "class_order" not in codes
    # A header that names the columns wrongly is overruled in the same way, and that is said.
    file = outside.write_named(tmp_path / "named.csv", values=outside.logits[:, alphabetical])
    said = read_run(outside.score(file, "--classes", order, out=tmp_path / "said")).record.manifest["warnings"]
    assert any("the file names its columns Angry" in warning for warning in said)


def test_no_other_order_is_proposed_to_networks_that_are_merely_weak():
    random = np.random.default_rng(0)
    for accuracy in (0.2, 0.35, 0.6, 0.9):
        for _ in range(20):
            true = random.integers(0, 7, 300)
            predicted = np.where(random.random(300) < accuracy, true, random.integers(0, 7, 300))
            assert find_better_order(true, predicted, 7) is None
            turned = find_better_order(true, (predicted + 1) % 7, 7)
            assert accuracy < 0.6 or turned.tolist() == [6, 0, 1, 2, 3, 4, 5]


def test_rows_in_another_order_are_noticed(outside, tmp_path):
    np.save(tmp_path / "p.npy", outside.logits[outside.order])
    said = ["--seed", "3", "--name", "their net"]
    run = read_run(outside.score(tmp_path / "p.npy", *NAMED, *said, out=tmp_path / "runs"))
    assert (run.seed, run.known_seed, run.record.manifest["plugin"]["name"]) == (3, 3, "their net")
    assert "row_order" in [getattr(warning, "code", "") for warning in run.record.manifest["warnings"]]


def change(change_rows):
    """Return a writer of the named CSV after ``change_rows(rows)``, rows with their header."""

    def write(outside, file):
        outside.write_named(file)
        rows = list(csv.reader(file.open()))
        outside.write(file, None, change_rows(rows))

    return write


def with_cell(row, column, value):
    def changed(rows):
        rows[row][column] = value
        return rows

    return changed


def with_column(name, cells):
    return lambda rows: [
        [*rows[0], name],
        *([*row, cell] for row, cell in zip(rows[1:], cells(len(rows)), strict=False)),
    ]


BAD = {
    "row missing": (change(lambda rows: rows[:-1]), [], r"has no row of 1 images of test, such as fer2013.csv:row"),
    "row twice": (change(lambda rows: [*rows, rows[3]]), [], r"rows 3 and 85 are both of .*keep one of them"),
    "row of another": (change(lambda rows: [*rows, ["x.png", *rows[1][1:]]]), [], r"1 rows are of no image of test"),
    "row count": (change(lambda rows: rows[:-1]), ["--match", "order"], r"83 rows, but test has 84 images"),
    "no such column": (change(lambda rows: rows), ["--match", "digest"], r"has no column digest"),
    "sum": (change(with_cell(4, 2, "0.9")), ["--values", "probabilities"], r"row 4 sums to 1?\.?\d+ and not to 1"),
    "neither": (change(with_cell(4, 2, "0.9")), [], r"neither probabilities nor surely logits"),
    "nan": (change(with_cell(4, 2, "nan")), [], r"row 4 holds a value that is not a finite number"),
    "text": (change(with_cell(4, 2, "high")), [], r"row 4, disgusted: 'high' is not a number"),
    "out of range": (change(with_cell(4, 2, "-0.1")), ["--values", "probabilities"], r"row 4 has a value outside of 0"),
    "unknown class": (change(with_cell(0, 2, "bored")), [], r"'bored' is not a class of the dataset; its classes are"),
    "class twice": (change(with_cell(0, 2, "fearful")), [], r"two columns are of fear"),
    "class missing": (change(lambda rows: [row[:-1] for row in rows]), ["--values", "logits"], r"no column is of neu"),
    "classes count": (change(lambda rows: rows), ["--classes", "angry,sad"], r"--classes: 2 classes for 7 columns"),
    "classes unknown": (
        change(lambda rows: rows), ["--classes", ",".join(("bored", *SPOKEN[1:]))], r"--classes: 'bored' is not a class"
    ),
    "cells": (change(lambda rows: [*rows, rows[1][:3]]), [], r"line 86 has 3 cells, the first 8"),
    "empty": (lambda outside, file: file.write_text("\n"), [], r"is empty; write a row an image"),
    "label": (change(with_column("label", lambda size: ["sad"] * size)), [], r"has true sad, but the dataset's label"),
    "predicted": (change(with_column("pred", lambda size: ["4"] * size)), [], r"has predicted 4, but the column with"),
    "split": (change(with_column("split", lambda size: ["val"] * size)), [], r"no row is of split test, but of val"),
    "no split": (change(with_column("split", lambda size: ["x"] * size)), [], r"split 'x' is none of train, val"),
    "architecture": (change(lambda rows: rows), ["--name", "conv_relu_ann"], r"is an installed architecture"),
    "claims": (change(lambda rows: rows), ["--claims", "no_such"], r"no_such"),
    "fold": (change(lambda rows: rows), ["--protocol", "kfold"], r"has 10 folds; .* --fold 0"),
    "targets": (change(lambda rows: rows), ["--data.targets.jaffe.root", "x"], r"data.targets: a file of predictions"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, outside, tmp_path):
    write, words, message = BAD[case]
    file = tmp_path / "theirs.csv"
    write(outside, file)
    with pytest.raises(InputError, match=message) as refused:
        outside.score(file, *words, out=tmp_path / "runs")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "runs").exists()


def save(write, *arrays):
    stream = io.BytesIO()
    write(stream, *arrays)
    return bytearray(stream.getvalue())


def tear(content):
    """Damage the compressed bytes in the middle of an archive; its directory stays whole."""
    content[len(content) // 3 : len(content) // 3 + 8] = b"\xff" * 8
    return content


ARRAY = np.random.default_rng(0).random((84, 7)).round(2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.txt", b"", "its ending is none of .csv"),
        ("p.npz", tear(save(np.savez_compressed, ARRAY)), "cannot be read .*; write it again"),
        ("p.npy", save(np.savez, ARRAY), "holds several arrays, as a .npz file does"),
        ("p.npz", save(np.save, ARRAY), "holds one array, as a .npy file does"),
        ("p.npy", b"no array", "cannot be read"),
        ("p.npz", b"no archive", "cannot be read"),
        ("p.jsonl", b"[1, 2]", "line 1 is not an object"),
        ("p.jsonl", b'{"p_sad": 1}\n{"p_happy": 1}', "object 2 and the first differ in 'p_happy'"),
        ("p.csv", b"\xff\xfe\x00", "cannot be read"),
        ("gone.csv", None, "there is no such file"),
    ],
)
def test_a_file_that_is_none_is_one_line(name, content, message, outside, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        outside.score(tmp_path / name, out=tmp_path / "runs")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_the_order_of_unnamed_columns_is_asked_for_and_never_assumed(outside, tmp_path):
    np.save(tmp_path / "p.npy", outside.probabilities)
    with pytest.raises(InputError, match=r"say the order of its columns, .*: --classes (\S+) \(in alph") as refused:
        outside.score(tmp_path / "p.npy", out=tmp_path / "runs")
    order = str(refused.value).partition("--classes ")[2].split()[0]
    run = outside.score(tmp_path / "p.npy", "--classes", order, out=tmp_path / "runs")
    assert read_run(run).scores["accuracy"] == pytest.approx(outside.accuracy)


def test_a_fold_is_scored_by_itself(outside, tmp_path):
    """The remedy for a protocol with several folds."""
    given = {"name": "fer2013", "root": str(outside.root), "check": "warn"}
    data = build_data(resolve_data({"data": given, "protocol": "kfold"}, "theirs"))
    data.open_test("a test")
    rows = data.rows("test")
    values = np.eye(7)[data.table.label[rows]] * 0.3 + 0.1
    names = data.source_names(rows)
    file = outside.write(
        tmp_path / "theirs.csv", ["name", *SPOKEN], [[n, *v] for n, v in zip(names, values, strict=True)]
    )
    run = read_run(outside.score(file, "--protocol", "kfold", "--fold", "0", out=tmp_path / "runs"))
    assert run.scores["accuracy"] == 1
    assert run.record.manifest["protocol"]["fold"] == 0


def test_a_plug_in_without_claims_is_refused(outside, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "package_file", lambda component, name: tmp_path / component.name / name)
    with pytest.raises(InputError, match=r"--claims: lenet5 has no claims.yaml; name another plug-in, or leave it out"):
        outside.score(outside.write_named(tmp_path / "p.csv"), "--claims", "lenet5", out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_without_a_dataset_the_command_says_how_to_name_it(outside, tmp_path):
    with pytest.raises(InputError, match="add --data NAME"):
        verbs.score([tmp_path / "p.csv"])
