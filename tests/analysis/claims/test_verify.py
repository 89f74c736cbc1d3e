"""Verdicts on claims: from a real run of a toy network, with claims placed below, in and above its interval."""

import io
import json
import shutil

import numpy as np
import pytest
import yaml
from rich.console import Console
from support.verbs import verify

from fer_plugins.analysis.verdict_report import print_verdicts
from fer_plugins.analysis.verdicts import ABOVE, BELOW, NOT_COMPARABLE, REPRODUCED, SOME_READING, verify_run
from fer_plugins.commands import main
from fer_plugins.experiments.run import run as train
from fer_plugins.metrics.copies import score_copies
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record

FLAGS = {
    "plugin": "toy",
    "data": {"name": "synthetic", "samples": 210, "subjects": 10, "difficulty": 0.1},
    "trainer": {"epochs": 50, "threads": 1, "progress": "none"},
    "logger": {"name": "none"},
}


@pytest.fixture
def trained(toy, tmp_path, kept):
    """Return a finished run of the toy by its whole recipe, shortened to three epochs, and a function that claims."""
    paper = toy / "toy" / "paper.yaml"
    paper.write_text(paper.read_text().replace("epochs: 50", "epochs: 3"))
    flags = FLAGS | {"trainer": {"threads": 1, "progress": "none"}}
    folder = kept("trained", lambda new: train(flags | {"run": {"output": str(new)}}).folder, tmp_path / "runs")

    def claim(*entries):
        usual = {"model": "Toy", "dataset": "Synthetic", "split": "test", "metric": "accuracy", "source": "Table 1"}
        models = [{"name": name, "role": "proposed"} for name in ("Toy", "Other")]
        content = {"paper": {"id": "toy", "title": "A toy"}, "models": models}
        content["claims"] = [usual | entry for entry in entries]
        (toy / "toy" / "claims.yaml").write_text(yaml.safe_dump(content))

    return folder, claim


def verdicts(folder):
    return [(row["verdict"], "; ".join(row["why"])) for row in verify_run(read_run(folder))["claims"]]


def change(folder, name, **changes):
    """Return a copy of a run whose manifest, configuration or metrics say something else (dotted keys with __)."""
    copy = folder.with_name(name)
    shutil.copytree(folder, copy)
    for dotted, value in changes.items():
        file, *path = dotted.split("__")
        target = copy / {"manifest": "manifest.json", "config": "config.yaml", "metrics": "metrics.json"}[file]
        content = yaml.safe_load(target.read_text())
        home = content
        for key in path[:-1]:
            home = home[key]
        home[path[-1]] = value
        target.write_text(json.dumps(content))  # JSON is YAML
    return copy


def test_the_verdict_is_where_the_claim_lies_to_the_interval(trained):
    folder, claim = trained
    scores = read_run(folder).scores
    ends = scores["intervals"]["accuracy"]
    name = next(name for name, row in scores["per_class"].items() if 0 < row["recall"] < 1)
    own = scores["intervals"]["per_class"][name]["recall"]
    macro = scores["intervals"]["f1"]
    claim(
        {"value": round(scores["accuracy"], 4)},
        {"value": round(ends["high"] + 0.01, 4)},
        {"value": round(ends["low"] - 0.01, 4)},
        {"value": round(scores["f1"], 4), "metric": "macro_f1"},
        {"value": round(min(1.0, macro["high"] + 0.01), 4), "metric": "macro_f1"},
        {"value": round(scores["accuracy"], 4), "metric": "weighted_recall"},
        {"value": round(scores["per_class"][name]["recall"], 4), "metric": "recall", "class": name},
        {
            "value": round(own["high"] + 0.01, 4) if own["high"] < 0.99 else 1.0,
            "metric": "recall",
            "class": name.upper(),
        },
    )
    judged = verdicts(folder)
    assert judged[:7] == [(v, "") for v in (REPRODUCED, BELOW, ABOVE, REPRODUCED, BELOW, REPRODUCED, REPRODUCED)]
    if own["high"] < 0.99:
        assert judged[7] == (BELOW, "")
    rows = verify_run(read_run(folder))["claims"]
    assert rows[1]["measured"] == scores["accuracy"]
    assert rows[1]["interval"] == ends
    assert rows[1]["difference"] == pytest.approx(100 * (scores["accuracy"] - rows[1]["claimed"]))


def test_a_claim_is_known_to_half_a_unit_of_its_last_digit(trained):
    folder, claim = trained
    high = read_run(folder).scores["intervals"]["accuracy"]["high"]
    short = round(high + 0.5 * 0.01, 2)  # the next printable number; its rounding reaches the interval
    while short - 0.005 > high:
        short = round(short - 0.01, 2)
    assert short - 0.005 <= high
    claim({"value": short}, {"value": round(high + 0.0011, 4)})
    assert [verdict for verdict, _ in verdicts(folder)] == [REPRODUCED, BELOW]
    _the_number_without_copies_stands_below(folder)


def _the_number_without_copies_stands_below(folder):
    """As if the first ten test images had a copy in training; here, since it takes a trained run."""
    run, record = read_run(folder), Record.read(folder)
    assert verify_run(run)["claims"][0]["without_copies"] is None
    status = np.array(["near"] * 10 + [""] * (len(run.true) - 10))
    predictions = run.predictions.to_predictions()
    record.metrics["test"]["copies"] = score_copies(predictions, status, run.classes, near_searched=True)
    del record.metrics["val"]
    record.write_predictions(
        {"test": (run.sources, predictions)}, list(run.classes), {"copy": {"test": status.tolist()}}
    )
    record.write_metrics()
    judged = verify_run(read_run(folder))
    row = judged["claims"][0]
    accuracy = float((run.true == run.predicted)[10:].mean())
    assert row["without_copies"]["measured"] == pytest.approx(accuracy)
    assert row["measured"] == run.scores["accuracy"]
    stream = io.StringIO()
    print_verdicts(Console(file=stream, width=150), judged, everything=False)
    assert f"{accuracy:.4f}" in stream.getvalue()
    assert "without images that have a copy in training" in " ".join(stream.getvalue().split())


def test_the_papers_word_for_a_class_is_understood(trained):
    folder, claim = trained
    claim(*({"value": 0.5, "metric": "recall", "class": word} for word in ("Happiness", "angry", "SADNESS")))
    per_class = read_run(folder).scores["per_class"]
    measured = [row["measured"] for row in verify_run(read_run(folder))["claims"]]
    assert measured == [per_class[name]["recall"] for name in ("happy", "anger", "sad")]


def test_a_score_of_a_class_gets_a_verdict_where_the_run_has_its_interval(trained):
    folder, claim = trained
    metrics = json.loads((folder / "metrics.json").read_text())
    name, row = next((n, r) for n, r in metrics["test"]["per_class"].items() if r["f1"] > 0)
    claim({"value": round(row["f1"], 4), "metric": "f1", "class": name}, {"value": 0.5, "metric": "macro_auroc"})
    for ends, verdict in ((None, NOT_COMPARABLE), ({"low": row["f1"] - 0.01, "high": row["f1"] + 0.01}, REPRODUCED)):
        metrics["test"]["intervals"]["per_class"][name]["f1"] = ends
        metrics["test"]["intervals"]["auroc"] = {"low": 0.56, "high": 0.99} if ends else None
        (folder / "metrics.json").write_text(json.dumps(metrics))
        judged = verdicts(folder)
        assert judged[0] == (verdict, "" if ends else "no interval is computed for f1")
        assert judged[1][0] == (ABOVE if ends else NOT_COMPARABLE)


def test_a_claim_on_a_part_that_was_cut_otherwise_is_not_comparable(trained, toy):
    folder, claim = trained
    claim({"value": 0.5})
    path = toy / "toy" / "claims.yaml"
    path.write_text(path.read_text() + "splits: {test: cut after augmentation}\n")
    assert verdicts(folder) == [(NOT_COMPARABLE, "claim: test split = cut after augmentation; measured on test")]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"metric": "auroc"}, "averaging not stated"),
        ({"split": "train"}, "of the training split, which this run did not score; train with --run.score_train true"),
        ({"split": "validation_and_test"}, "validation and test together"),
        ({"dataset": "CK+"}, "on CK+; the run is on synthetic"),
        ({"model": "Other"}, "of Other; the run is of Toy"),
        ({"model": None, "dataset": None, "metric": "n_images", "value": 300}, "of no model"),
        ({"metric": "train_time_s", "value": 3600}, "train_time_s is not among the scores"),
        ({"epoch": 3}, "after epoch 3; a run reports the selected one only"),
        ({"metric": "recall", "class": "contempt"}, "the run has no recall of contempt"),
    ],
)
def test_what_cannot_be_compared_says_why(trained, entry, why):
    folder, claim = trained
    claim({"value": 0.5} | entry)
    ((verdict, reasons),) = verdicts(folder)
    assert verdict == NOT_COMPARABLE
    assert why in reasons


def test_a_claim_with_several_readings_is_judged_in_each(trained, capsys):
    folder, claim = trained
    scores = read_run(folder).scores
    claim(
        {"value": round(1 - scores["specificity"], 4), "metric": "far"},
        {"value": round(1 - scores["accuracy"], 4), "metric": "frr"},
        {"value": round(scores["recall"], 4), "metric": "gar"},
        {"value": 1.0, "metric": "f1"},
    )
    rows = verify_run(read_run(folder))["claims"]
    assert [[reading["reading"] for reading in row["readings"]] for row in rows] == [
        ["1 - specificity", "1 - specificity_micro"],
        ["1 - recall", "1 - accuracy"],
        ["recall", "accuracy"],
        ["f1", "f1_weighted", "f1_micro"],
    ]
    assert rows[0]["readings"][0]["measured"] == pytest.approx(1 - scores["specificity"])
    assert rows[1]["readings"][1]["verdict"] == REPRODUCED
    assert {row["verdict"] for row in rows[:3]} <= {REPRODUCED, SOME_READING}
    assert rows[3]["verdict"] == BELOW
    assert main.call("fer", verify, [str(folder)]) == 0
    assert "as 1 - specificity_micro" in " ".join(capsys.readouterr().out.split())


def test_a_split_that_is_not_stated_or_flawed_is_judged_under_those_that_it_could_be(trained, toy, capsys):
    folder, claim = trained
    run = read_run(folder)
    claim({"value": round(run.scores["accuracy"], 4), "split": "not_stated"}, {"value": 1.0, "split": "validation"})
    path = toy / "toy" / "claims.yaml"
    path.write_text(path.read_text() + "splits: {validation: the test folder}\nprotocols: {validation: [kfold]}\n")
    first, second = verify_run(run)["claims"]
    assert first["verdict"] == REPRODUCED
    assert first["condition"] == "if the paper's split, which is not stated, was that of official"
    assert second["verdict"] == NOT_COMPARABLE
    flaw = {"manifest__protocol__flaw": "it is not a test", "manifest__data__release_parts": []}
    runs = [
        change(folder, name, manifest__protocol={"name": name, "flaw": None, **options}, config__protocol__name=name)
        for name, options in (("kfold", {}), ("random", {"val": 0.1, "test": 0.2}), ("official_deduplicated", {}))
    ]
    kfold, shares, ours = (change(sound_run, f"{sound_run.name}_flawed", **flaw) for sound_run in runs)
    first, second = verify_run(read_run(kfold))["claims"]
    assert "kfold, which is flawed: it is not a test" in first["condition"]
    assert (second["verdict"], second["condition"]) == (
        BELOW,
        "under protocol kfold, which cuts as the paper did: it is not a test",
    )
    assert "was that of random 70/10/20" in verify_run(read_run(shares))["claims"][0]["condition"]
    assert "is not that of protocol official_deduplicated" in verify_run(read_run(ours))["claims"][0]["why"][0]
    odd = {"manifest__protocol__test": 0.5, "manifest__protocol__val": 0.25}
    assert "is not a usual ratio" in verify_run(read_run(change(shares, "odd", **odd)))["claims"][0]["why"][0]
    capsys.readouterr()
    assert main.call("fer", verify, [str(folder), str(kfold)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "the paper's split is not stated; if it was that of" in shown
    assert "under official 1 of 1 claims could hold" in shown
    assert "not tried: " in shown


def test_a_run_under_other_conditions_is_not_comparable(trained):
    folder, claim = trained
    claim({"value": 0.5})
    assert verdicts(folder)[0][1] == ""
    for name, changes, why in (
        ("limit", {"manifest__data__limit": 100}, "only part of the data (data.limit 100)"),
        ("flaw", {"manifest__protocol__flaw": "it selects on test"}, "flawed protocol official: it selects on test"),
        ("fault", {"metrics__not_a_result": ["test: all happy"]}, "NOT A RESULT: test: all happy"),
        ("lr", {"config__optimizer__lr": 0.1}, "not the plug-in's recipe: optimizer.lr 0.1 (recipe: 0.003)"),
        ("short", {"config__trainer__epochs": 1}, "trainer.epochs 1 (recipe: 3)"),
        (
            "clock",
            {"config__trainer__max_time": 5.0, "manifest__epochs": 2},
            "trainer.max_time 5.0 (recipe: None), 2 of 3 epochs trained",
        ),
        ("size", {"config__data__image_size": 48}, "data.image_size 48 (recipe: 24)"),
        (
            "kfold",
            {"manifest__protocol__name": "kfold", "config__protocol": {"name": "kfold", "k": 5, "seed": 0}}
            | {"manifest__data__release_parts": []},
            "another protocol: kfold (recipe: official)",
        ),
        (
            "earlier",  # its manifest does not say whether the test split is the release's
            {"manifest__protocol__name": "random", "config__protocol": {"name": "random", "seed": 0}}
            | {"manifest__data__release_parts": None},
            "another protocol: random (recipe: official)",
        ),
    ):
        ((verdict, reasons),) = verdicts(change(folder, name, **changes))
        assert verdict == NOT_COMPARABLE
        assert why in reasons, name
    harmless = {"config__trainer__threads": 2, "config__run__output": "elsewhere", "config__data__workers": 3}
    harmless |= {"config__trainer__max_time": 5.0, "manifest__epochs": 3}  # the clock ended nothing
    assert verdicts(change(folder, "pace", **harmless))[0][1] == ""


def test_another_arithmetic_is_a_condition_of_the_verdict(trained):
    folder, claim = trained
    claim({"value": 0.5})
    verdict = verdicts(folder)[0][0]
    mixed = change(folder, "mixed", config__trainer__precision="bf16-mixed", config__trainer__channels_last=True)
    assert verdicts(mixed) == [(verdict, "")]
    conditions = verify_run(read_run(mixed))["conditions"]
    assert "computed with trainer.precision bf16-mixed (recipe: 32-true)" in conditions
    assert "computed with trainer.channels_last True (recipe: False)" in conditions
    assert not any("computed with" in text for text in verify_run(read_run(folder))["conditions"])


def test_the_command_prints_verdicts_and_counts_the_rest(trained, capsys):
    folder, claim = trained
    claim(
        {"value": 1.0},
        {"value": 0.5, "dataset": "CK+"},
        {"value": 0.5, "dataset": "CK+"},
        {"value": 0.9, "metric": "auroc"},
    )
    assert main.call("fer", verify, [str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "2 other claims, not comparable" in shown
    assert "2  on other data: CK+" in shown
    assert "averaging not stated" in shown
    assert "assumed model.width: not stated" in shown
    assert "for this one training; another seed may" in shown
    assert "4 claims: 0 reproduced within the interval, 1 below, 0 above, 3 not comparable" in shown
    assert max(len(line) for line in shown.splitlines() if str(folder) not in line) <= 100
    assert main.call("fer", verify, [str(folder), "--all"]) == 0
    assert "other claims" not in capsys.readouterr().out
    assert main.call("fer", verify, ["--json", str(folder)]) == 0
    (judged,) = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in judged["claims"]] == [BELOW, NOT_COMPARABLE, NOT_COMPARABLE, NOT_COMPARABLE]
    assert judged["split_hash"] == read_run(folder).split_hash[0]


def test_wrong_input_is_one_line(trained, toy, tmp_path, capsys):
    folder, _ = trained
    capsys.readouterr()

    def refuse(*words):
        assert main.call("fer", verify, [str(word) for word in words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err

    assert "no run is given" in refuse()
    assert "no such folder" in refuse(tmp_path / "nowhere")
    assert "unknown option '--al'; did you mean --all?" in refuse(folder, "--al")
    gone = change(folder, "gone", config__model__name="nobody")
    assert "unknown architecture 'nobody'" in refuse(gone)
    older = change(folder, "older", config__trainer=None)
    assert f"{older}: config.yaml has no section trainer" in refuse(older)
    newer = change(folder, "newer", config__data__novel=3)
    message = refuse(newer)
    assert f"{newer}: config.yaml is not one of this version: data.novel: unknown option" in message
    assert "command line" not in message
    (toy / "toy" / "claims.yaml").unlink()
    assert "has no claims.yaml, so there is nothing to verify" in refuse(folder)
