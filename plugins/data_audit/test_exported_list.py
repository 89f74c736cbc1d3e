"""``fer data audit --export``: both files, where they cannot go, and how rows are told apart."""

import csv
import json

import pytest
from support import fake_datasets as fake
from support.verbs import audit

from fer_plugins.commands import main

SYNTHETIC = ("synthetic", "--data.samples", "210", "--data.subjects", "10")


def call(*argv):
    return main.call("fer", audit, [str(word) for word in argv])


def test_the_verb_writes_both_files_and_says_so(tmp_path, capsys):
    assert call(*SYNTHETIC, "--export", tmp_path / "copies.csv") == 0
    printed = capsys.readouterr().out
    with (tmp_path / "copies.csv").open(encoding="utf-8") as stream:  # as a stranger reads it
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    content = json.loads((tmp_path / "copies.json").read_text())
    assert [[row[name] for name in content["columns"]] for row in rows] == [
        [str(value) for value in row] for row in content["rows"]
    ]
    assert len(rows) > 20
    assert f"copies.csv: {len(rows)} images in {max(int(row['group']) for row in rows)} groups" in printed
    assert "licence" in content


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--export", "PLACE/nowhere/x"], "its folder does not exist; give another place"),
        (["--export", "PLACE/x", "--against", "synthetic", "none"], "leave --against out"),
        (["--export", "PLACE/taken.json"], "already exists; give another name"),
    ],
)
def test_where_the_list_cannot_go(argv, message, tmp_path, capsys):
    (tmp_path / "taken.csv").write_text("mine")
    assert call(*SYNTHETIC, *(word.replace("PLACE", str(tmp_path)) for word in argv)) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["taken.csv"]


def test_the_row_of_files_is_told_apart_by_their_names(tmp_path):
    root = fake.write_folder(fake.class_folders(each=4), tmp_path / "faces")
    assert call("folder", root, "--export", tmp_path / "list") == 0
    assert "source" in json.loads((tmp_path / "list.json").read_text())["columns"]
