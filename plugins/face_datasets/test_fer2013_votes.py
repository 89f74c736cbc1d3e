"""FER+'s votes beside FER2013: the right rows, nothing trained on, and what a run says of them."""

import json

import numpy as np
import pytest
from fer_face_datasets import fer2013_votes
from fer_face_datasets.fer2013 import fer2013
from support import fake_datasets as fake

from fer_plugins.commands import main
from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.experiments.run import run as train
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.schema import MajorityScores
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.result import build_result


@pytest.fixture
def root(tmp_path):
    return fake.write_folder(fake.ferplus(6), tmp_path / "data")


def settings(root, output, **data):
    return {
        "plugin": "lenet5",
        "data": {"name": "fer2013", "root": str(root), "check": "off", "image_size": 32, "cache": "none", **data},
        "trainer": {"epochs": 1, "threads": 1, "progress": "none", "accelerator": "cpu"},
        "logger": {"name": "csv", "figures": "off"},
        "run": {"output": str(output)},
    }


def test_each_row_has_its_votes_and_its_own_label(root):
    plain = fer2013(root=root / "fer2013.csv", check="off")
    dataset = fer2013(root=root, check="off", votes=str(root / "fer2013new.csv"))
    votes, rows = np.asarray(dataset.table["relabel_votes"]), fake.ferplus_rows(6)
    assert votes.shape == (len(rows), 10)
    header = fake.FERPLUS_HEADER.split(",")[2:]
    named = {"anger": "anger", "happy": "happiness", "contempt": "contempt", "neutral": "neutral"}
    for row, (_, _, given) in enumerate(rows):
        for name, column in named.items():
            assert votes[row, EXPRESSIONS.index(name)] == given[header.index(column)]
        assert votes[row, 8:].tolist() == list(given[8:])
    assert dataset.table["label"] == plain.table["label"]
    assert "Votes beside the labels: fer2013new.csv." in dataset.notes
    assert not any("not read" in note for note in dataset.notes)
    assert dataset.cache_key != plain.cache_key


def test_a_run_reports_the_votes_and_trains_as_without_them(root, tmp_path, capsys):
    plain = train(settings(root, tmp_path / "plain"))
    assert "majority of the votes" not in capsys.readouterr().out
    record = train(settings(root, tmp_path / "runs", votes=str(root / "fer2013new.csv")))
    output = " ".join(capsys.readouterr().out.split())
    scores, rows = record.metrics["test"], record.predictions()
    majority = scores.pop("vote_majority")
    assert majority.keys() <= MajorityScores.__annotations__.keys()
    assert scores == plain.metrics["test"]
    assert [{k: v for k, v in row.items() if k != "majority"} for row in rows] == plain.predictions()
    # Of 51: 42 rows with a class on top; 6 with contempt, one unknown, one no face; one tied.
    assert [majority[name] for name in ("n", "tied", "outside", "unvoted")] == [42, 1, 8, 0]
    assert majority["annotator_agreement"] == pytest.approx(0.7)  # seven of ten votes in each of them
    judged = [row for row in rows if row["split"] == "test" and row["majority"]]
    wrong = [row for row in judged if row["true"] != row["predicted"]]
    assert majority["prediction_agreement"] == np.mean([row["majority"] == row["predicted"] for row in judged])
    assert majority["label_agreement"] == np.mean([row["majority"] == row["true"] for row in judged])
    assert majority["errors"]["prediction"] == sum(row["majority"] == row["predicted"] for row in wrong)
    assert "agreement with the majority of the votes (42 of 51 images)" in output
    assert f"of {len(wrong)} errors there, the majority is the prediction in" in output
    assert f"labels {majority['label_agreement']:.4f}" in output

    run = read_run(record.folder)
    values = build_result({"test": run.scores}, run.predictions.to_predictions(), None, run.sources, run.classes, {})
    assert values.values["test/vote_majority/label_agreement"] == majority["label_agreement"]
    assert values.values["test/vote_majority/annotator_agreement_low"] <= majority["annotator_agreement"]
    assert main.call("fer", main._verb, ["verify", str(record.folder), "--json"]) == 0
    verdicts = json.loads(capsys.readouterr().out)[0]
    assert verdicts["vote_majority"]["n"] == 42
    assert not any("data.votes" in fault for fault in verdicts["against"])
    assert main.call("fer", main._verb, ["verify", str(record.folder)]) == 0
    assert "Agreement with the majority of the votes, 42 images: predictions" in capsys.readouterr().out

    path = record.folder / "predictions.csv"
    text = path.read_text()
    path.write_text(text.replace(",happy\n", ",\n", 1) if ",happy\n" in text else text.replace(",sad\n", ",\n", 1))
    with pytest.raises(InputError, match="beside the votes' majority of"):
        read_run(record.folder)
    path.write_text(text.replace(",happy\n", ",joyful\n"))
    with pytest.raises(InputError, match="'joyful', which is not a class"):
        read_run(record.folder)


def test_votes_that_fit_no_rows_are_refused(root, tmp_path, monkeypatch):
    votes = root / "fer2013new.csv"
    lines = votes.read_text().splitlines(keepends=True)
    for wrong, message in (
        (lines[:-1], "the two do not belong together"),
        (lines[:1] + lines[:0:-1], "row 1 is PrivateTest, fer2013.csv:row 1 is train"),
    ):
        path = tmp_path / f"votes{len(wrong)}.csv"
        path.write_text("".join(wrong))
        with pytest.raises(InputError, match=message):
            fer2013(root=root, check="off", votes=str(path)).table  # noqa: B018
    with pytest.raises(InputError, match="is a folder; give --data.votes"):
        fer2013(root=root, check="off", votes=str(root))
    monkeypatch.setattr(fer2013_votes, "_JUDGED", 10)  # the labels of these rows have nothing to do with the votes
    with pytest.raises(InputError, match="labels have most of the votes: the images are in another order"):
        fer2013(root=root, check="off", votes=str(votes)).table  # noqa: B018
    folders = fake.write_folder(fake.class_folders(EXPRESSIONS[:7], split=True), tmp_path / "folders")
    with pytest.raises(InputError, match="leave --data.votes out"):
        fer2013(root=folders, check="off", votes=str(votes))
    assert len(fer2013(root=folders, check="off")) > 0  # the remedy


def test_votes_are_refused_where_they_would_do_nothing(root, tmp_path):
    votes = str(root / "fer2013new.csv")
    with pytest.raises(InputError, match="data.votes: dataset synthetic takes no votes"):
        train(settings(root, tmp_path, votes=votes) | {"data": {"name": "synthetic", "votes": votes}})
    targets = {"other": {"name": "fer2013", "root": str(root), "votes": votes}}
    with pytest.raises(InputError, match="only the dataset that is trained on takes votes"):
        train(settings(root, tmp_path, targets=targets) | {"protocol": {"name": "cross_dataset"}})
