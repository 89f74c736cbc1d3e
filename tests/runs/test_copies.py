"""Images with a copy in training: scored apart, recorded, printed, compared without, and held to predictions.csv."""

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console
from support import written_run as written
from support.verbs import compare, figures, table

from fer_plugins.commands import main
from fer_plugins.experiments.run import run as train
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.schema import DataFacts, Manifest, Metrics
from fer_plugins.runs.score_tables import print_copies
from fer_plugins.runs.without_copies import leave_out_copies
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.result import build_result


@pytest.fixture
def pair(tmp_path):
    """Two runs on the same 300 images; 60 have a copy in the training split of the first, 20 more in the second's."""
    first, second = np.full((2, 300), "", dtype="<U5")
    first[:40], first[40:60] = "exact", "near"
    second[:80] = "exact"
    true, predicted = written.draw(1)
    folders = [
        written.write_run(tmp_path / "a", true, predicted, copies=first.tolist()),
        written.write_run(tmp_path / "b", true, written.draw(2)[1], copies=second.tolist(), lr=0.1),
    ]
    return folders, true, predicted


def test_a_run_scores_images_with_and_without_a_copy_apart_and_prints_a_line_each(tmp_path, capsys):
    """The frames of a recording are near copies, and a random split puts them on both sides."""
    settings = {
        "plugin": "lenet5", "data": {"name": "synthetic", "samples": 189, "image_size": 32, "near_copies": "on"},
        "protocol": {"name": "random", "val": 0.3, "test": 0.4},
        "trainer": {"epochs": 1, "threads": 1, "progress": "none", "accelerator": "cpu"},
        "logger": {"name": "csv", "figures": "off"}, "run": {"output": str(tmp_path)},
    }  # fmt: skip
    record = train(settings)
    output = " ".join(capsys.readouterr().out.split())
    scores, counts = record.metrics["test"], record.manifest["data"]["copies_in_training"]
    copies = scores["copies"]
    rows = [row for row in record.predictions() if row["split"] == "test"]
    for name, group in (("without", [r for r in rows if not r["copy"]]), ("with", [r for r in rows if r["copy"]])):
        correct = sum(row["true"] == row["predicted"] for row in group)
        assert copies[name]["n"] == len(group) > 0
        assert copies[name]["accuracy"] == pytest.approx(correct / len(group))
        assert f"{name} a copy {len(group)} {correct / len(group):.4f} [" in output
    assert (copies["exact"], copies["near"]) == (0, len([r for r in rows if r["copy"] == "near"]))
    assert counts["test"] == {"exact": 0, "near": copies["near"]}
    assert counts["test"]["near"] == record.manifest["data"]["leaks"]["near"]["train/test"]
    assert set(copies["without"]["intervals"]) == set(scores["intervals"])
    difference = copies["difference"]["accuracy"]
    assert difference["difference"] == pytest.approx(copies["with"]["accuracy"] - copies["without"]["accuracy"])
    assert difference["low"] < difference["difference"] < difference["high"]
    assert read_run(record.folder).predictions.copies.tolist().count("near") == copies["near"]
    assert record.manifest.keys() <= Manifest.__annotations__.keys()  # every key that is written is declared
    assert record.manifest["data"].keys() <= DataFacts.__annotations__.keys()
    assert record.metrics.keys() <= Metrics.__annotations__.keys()


def test_the_result_of_a_logger_has_both_groups_and_their_difference(pair):
    run = read_run(pair[0][0])
    values = build_result(
        {"test": run.scores}, run.predictions.to_predictions(), None, run.sources, run.classes, {}
    ).values
    copies = run.scores["copies"]
    assert (values["test/without_copies/n"], values["test/with_copies/n"]) == (240, 60)
    assert values["test/without_copies/f1"] == copies["without"]["f1"]
    assert values["test/copies_difference/accuracy_low"] == copies["difference"]["accuracy"]["low"]
    assert values["test/accuracy"] == run.scores["accuracy"]  # the headline stays that of all images


@pytest.mark.parametrize(
    ("copied", "title", "reason"),
    [
        (np.arange(3), "with a copy", "fewer than 10 images"),
        (np.arange(297), "without a copy", "fewer than 10 images"),
        (np.flatnonzero(written.draw(1)[0] != 0)[:60], "with a copy", "fewer than 5 images of anger"),
    ],
)
def test_a_group_of_too_few_images_has_no_score_and_no_difference(tmp_path, copied, title, reason):
    status = np.full(300, "", dtype="<U5")
    status[copied] = "near"
    folder = written.write_run(tmp_path / "run", *written.draw(1), copies=status.tolist())
    run = read_run(folder)
    copies = run.scores["copies"]
    group = title.partition(" ")[0]
    assert copies[group]["n"] == (len(copied) if group == "with" else 300 - len(copied))  # recorded all the same
    assert set(copies["too_few"]) == {group}
    assert set(copies["too_few"][group].values()) == {reason}
    measured = {"accuracy"} if "anger" in reason else set()
    assert set(copies["difference"] or {}) & {"accuracy", "f1", "balanced_accuracy"} == measured
    stream = io.StringIO()
    print_copies(Console(file=stream, width=120), "test", run.scores)
    lines = [
        line for line in stream.getvalue().splitlines() if line.strip().startswith(title)
    ]  # in parts where it is wide
    assert sum(line.split().count("-") for line in lines) == 3 - len(measured)
    assert f"too few images {title} to score them: {reason}" in stream.getvalue()
    assert ("difference: with a copy less without" in stream.getvalue()) == bool(copies["difference"])
    values = build_result(
        {"test": run.scores}, run.predictions.to_predictions(), None, run.sources, run.classes, {}
    ).values
    assert values[f"test/{group}_copies/f1"] is values[f"test/{group}_copies/f1_low"] is None
    assert (values[f"test/{group}_copies/accuracy"] is None) == (not measured)


def test_compare_leaves_out_the_copies_of_either_run(pair, capsys):
    folders, true, predicted = pair
    assert compare([*map(str, folders), "--without-copies", "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert (compared["n"], compared["copies_left_out"]) == (220, 80)
    assert compared["pairs"][0]["accuracy"]["first"] == pytest.approx((true == predicted)[80:].mean())
    assert "80 of 300 images are left out" in compared["notes"][0]
    assert compare([*map(str, folders), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["copies_left_out"] is None


def test_without_copies_is_refused_where_it_would_do_nothing(tmp_path, capsys):
    true, predicted = written.draw(1)
    older = [written.write_run(tmp_path / f"old{n}", true, predicted, seed=n) for n in range(2)]
    none = [written.write_run(tmp_path / f"none{n}", true, predicted, seed=n, copies=[""] * 300) for n in range(2)]
    every = [written.write_run(tmp_path / f"all{n}", true, predicted, seed=n, copies=["near"] * 300) for n in range(2)]
    for folders, message in ((older, "an earlier version"), (none, "leave --without-copies out"), (every, "none is")):
        with pytest.raises(InputError, match=message):
            leave_out_copies([read_run(folder) for folder in folders])
    words = ["compare", *map(str, none), "--without-copies"]
    assert main.call("fer", main._verb, words) == 2
    assert main.call("fer", main._verb, words[:-1]) == 0  # the remedy
    capsys.readouterr()
    for option in (("--target", "other"), ("--evaluated", "shift.zero.consistency")):
        assert main.call("fer", main._verb, [*words, *option]) == 2
        assert f"leave {option[0]} out" in capsys.readouterr().err


def test_the_table_has_a_row_of_the_images_without_copies(pair, capsys):
    folders, true, predicted = pair
    assert table([str(folders[0]), "--format", "csv"]) == 0
    every, less = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (every["images"], every["n"], less["images"], less["n"]) == ("all", "300", "without copies", "240")
    assert float(less["accuracy"]) == pytest.approx((true == predicted)[60:].mean())
    assert float(every["accuracy"]) == pytest.approx((true == predicted).mean())
    assert "of 300 images the 240 without a copy in training" in less["remarks"]


def test_the_figure_of_copies_is_drawn_where_there_are_some(pair, tmp_path, capsys):
    folders, true, predicted = pair
    none = written.write_run(tmp_path / "none", true, predicted)
    assert figures([str(folders[0]), str(none)]) == 0
    assert (folders[0] / "figures" / "copies.png").is_file()
    assert "no copies: no image of test has a copy in training" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",exact\n", ",exactly\n", "neither exact nor near"),
        (",exact\n", ",\n", "without a copy in test"),
    ],
)
def test_a_changed_column_is_refused(pair, old, new, message):
    path = pair[0][0] / "predictions.csv"
    path.write_text(path.read_text().replace(old, new, 3))
    with pytest.raises(InputError, match=message):
        read_run(path.parent)


def test_metrics_without_the_copies_that_predictions_name_are_refused(pair):
    path = pair[0][0] / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["test"]["copies"]
    path.write_text(json.dumps(metrics))
    with pytest.raises(InputError, match="no copies of test"):
        read_run(path.parent)
