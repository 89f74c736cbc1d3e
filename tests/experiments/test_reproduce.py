"""A kept record is trained again from its own folder, on the same data or not at all."""

import hashlib
import shutil

import pytest
import yaml
from support.fake_fer2013 import make_faces, write_csv_layout
from support.verbs import reproduce as reproduce_verb
from support.verbs import results
from support.written_run import draw, write_run

from fer_plugins.experiments.reproduce import EXACT, NOT_REPRODUCED, WITHIN, compare_with_kept
from fer_plugins.experiments.run import run
from fer_plugins.runs.kept_record import SUMS
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runtime.errors import InputError


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    home = tmp_path_factory.mktemp("reproduce")
    root = write_csv_layout(home, make_faces(4))
    record = run(
        {
            "plugin": "lenet5",
            "data": {"name": "fer2013", "root": str(root), "check": "off"},
            "trainer": {"epochs": 2, "threads": 1, "progress": "none"},
            "logger": {"name": "none"},
            "run": {"output": str(home / "runs")},
        }
    )
    results(["add", record.folder, "--to", home / "results"])
    (kept,) = (home / "results").iterdir()
    return home, root, kept


def test_on_the_same_machine_it_is_bit_for_bit(trained, tmp_path, capsys):
    _, root, kept = trained
    assert reproduce_verb([kept, "--data.root", root, "--trainer.threads", 1, "--out", tmp_path]) == 0
    printed = capsys.readouterr().out
    assert f"{EXACT}: accuracy" in printed
    assert "28 of 28" in printed


def test_other_data_and_other_settings_are_refused_before_training(trained, tmp_path):
    _, root, kept = trained
    other_data = write_csv_layout(tmp_path, make_faces(4, seed=1))
    for words, what in (
        (["--data.root", other_data], "the data have changed .* give the copy that it was trained on"),
        ([], "--data.root"),
        (["--data.root", root, "--trainer.epochs", 1], "trainer.epochs"),
        (["--data.root", root, "--trainer.epochs", 3], "trainer.epochs is 2 in the record and shapes its result"),
        (["--data.root", root, "--data.image_size", 24], "data.image_size"),
        (["--data.root", root, "--data.limit", 20], "data.limit is None in the record and .*; leave --data.limit out"),
    ):
        with pytest.raises(InputError, match=what) as caught:
            reproduce_verb([kept, *words, "--out", tmp_path / "runs"])
        assert str(caught.value).startswith(f"{kept}: ")  # nothing is resumed here
        assert "--resume" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_place_that_is_a_file_is_named_as_it_was_given_before_the_data_are_read(trained, tmp_path, capsys):
    _, root, kept = trained
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--out: .*file is a file, not a folder; give --out FOLDER"):
        reproduce_verb([kept, "--data.root", root, "--out", tmp_path / "file"])
    assert "reading" not in capsys.readouterr().out


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.72, WITHIN), (0.4, NOT_REPRODUCED)])
def test_the_verdict_is_by_the_interval_of_the_kept_run(tmp_path, accuracy, verdict):
    first = read_run(write_run(tmp_path / "first", *draw(1)))
    again = read_run(write_run(tmp_path / "again", *draw(2, accuracy=accuracy)))
    for finished in (first, again):
        finished.record.manifest.update(versions={"torch": finished.name}, sessions=[{"device": "cpu"}])
    comparison = compare_with_kept(first, again)
    assert comparison["verdict"] == verdict
    assert comparison["versions"] == {"torch": ["first", "again"]}
    assert comparison["same_predictions"] == (first.predicted == again.predicted).sum()


def test_a_record_of_an_earlier_version_is_compared_too(tmp_path):
    first, again = (read_run(write_run(tmp_path / name, *draw(1))) for name in ("first", "again"))
    assert "versions" not in first.record.manifest or first.record.manifest.pop("versions")
    first.record.manifest["sessions"] = []
    path = again.record.folder / "predictions.csv"  # the columns that later versions add
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{head},copy,subject", *(f"{row},near,S1" for row in rows)]) + "\n")
    report = compare_with_kept(first, again)
    assert report["verdict"] == EXACT
    assert report["devices"][0] is None


def test_the_place_of_every_other_dataset_is_asked_for(trained, tmp_path):
    _, root, kept = trained
    record = shutil.copytree(kept, tmp_path / "record")
    text = (record / "config.yaml").read_text()
    config = yaml.safe_load(text)
    config["data"]["targets"] = {"folder": {"root": "faces"}}
    (record / "config.yaml").write_text(changed := yaml.safe_dump(config))
    old, new = (hashlib.sha256(content.encode()).hexdigest() for content in (text, changed))
    (record / SUMS).write_text((record / SUMS).read_text().replace(old, new))
    with pytest.raises(InputError, match=r"--data\.targets\.folder\.root PATH"):
        reproduce_verb([record, "--data.root", root, "--out", tmp_path / "runs"])
