"""The list of copies: written, read, laid over a table, and what is shipped for FER-2013."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from support import fake_datasets as fake
from support.verbs import audit

from fer_plugins.commands import main
from fer_plugins.data.audit import copy_list
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError


def make_table(digests, splits):
    size = len(digests)
    sources = np.array([f"made.csv:row {number}" for number in range(1, size + 1)])
    return SampleTable(np.zeros(size, np.int64), sources, np.array(splits), digest=np.array(digests))


# Rows 0, 2 are identical; 2 and 3 near copies; 1 and 5 identical; 4 is alone.
TABLE = make_table([f"{n:016x}" for n in (7, 8, 7, 9, 10, 8)], ["train", "train", "test", "val", "train", "test"])
NEAR = np.array([0, 1, 2, 2, 4, 5])


def same_groups(one, other):
    pairs = np.unique(np.stack([one, other]), axis=1)
    return len(np.unique(one)) == len(np.unique(other)) == pairs.shape[1]


def test_identical_images_and_near_copies_are_joined_by_chains():
    assert same_groups(copy_list.join_copies(TABLE, None), np.array([0, 1, 0, 2, 3, 1]))
    assert same_groups(copy_list.join_copies(TABLE, NEAR), np.array([0, 1, 0, 0, 3, 1]))


def test_the_list_names_rows_splits_groups_and_kinds():
    copies = copy_list.list_copies(TABLE, NEAR, "made")
    assert copies.row.tolist() == [0, 2, 3, 1, 5]
    assert copies.group.tolist() == [1, 1, 1, 2, 2]
    assert copies.kind.tolist() == ["near"] * 3 + ["exact"] * 2
    assert copies.usage.tolist() == ["train", "test", "val", "train", "test"]
    assert copies.images == {"train": 3, "val": 1, "test": 2}
    assert copies.source is None  # every source says its row already
    named = dataclasses.replace(TABLE, source=np.array(list("abcdef")))
    assert copy_list.list_copies(named, NEAR, "made").source.tolist() == list("acdbf")


@pytest.mark.parametrize("write", [copy_list.as_csv, copy_list.as_json])
@pytest.mark.parametrize("sources", [None, ["a,b", 'c"d', "e", "f", "g", "ü"]])
def test_what_is_written_is_read_again(write, sources, tmp_path):
    table = TABLE if sources is None else dataclasses.replace(TABLE, source=np.array(sources))
    copies = copy_list.list_copies(table, NEAR, "made")
    path = tmp_path / "copies"
    path.write_text(write(copies), encoding="utf-8")
    again = copy_list.read_copies(path)
    for field in dataclasses.fields(copies):
        assert np.array_equal(getattr(copies, field.name), getattr(again, field.name)), field.name
    assert same_groups(copy_list.groups_of(TABLE, again), copy_list.join_copies(TABLE, NEAR))


def test_a_list_fits_any_order_and_part_of_the_same_images():
    copies = copy_list.list_copies(TABLE, NEAR, "made")
    for rows in (np.array([5, 3, 1, 0, 2, 4]), np.array([0, 3])):
        assert same_groups(copy_list.groups_of(TABLE.rows(rows), copies), copy_list.join_copies(TABLE, NEAR)[rows])


def test_a_list_of_other_images_is_refused_with_a_remedy():
    digests = [f"{n:016x}" for n in range(200)] * 2
    splits = ["train"] * 300 + ["test"] * 100
    table = make_table(digests, splits)
    copies = copy_list.list_copies(table, np.arange(400), "made")
    reencoded = make_table([f"{n + 999:016x}" for n in range(300)] + digests[300:], splits)  # train alone was altered
    with pytest.raises(InputError, match="of its train 1.. are here, about 300 should be.*give --protocol.list search"):
        copy_list.groups_of(reencoded, dataclasses.replace(copies, digest=np.array([f"{n:016x}" for n in range(400)])))


@pytest.mark.parametrize("text", ["", "row,usage\n1,train\n", '{"format": "fer-plugins copies 1"}', "{]", "\0"])
def test_what_is_no_list_is_refused(text, tmp_path):
    path = tmp_path / "no.csv"
    path.write_text(text)
    with pytest.raises(InputError, match="is no list of copies"):
        copy_list.read_copies(path)
    with pytest.raises(InputError, match="cannot be read"):
        copy_list.read_copies(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5,test,2", "99999999999999999999,test,2"),
        (",exact,", ",maybe,"),
        (",val,", ",nowhere,"),
        ("5,test,2,exact,0000000000000008\n", ""),  # cut between two lines
    ],
)
def test_an_altered_list_is_refused(old, new, tmp_path):
    text = copy_list.as_csv(copy_list.list_copies(TABLE, NEAR, "made"))
    assert old in text
    path = tmp_path / "altered.csv"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match="was altered; make it again"):
        copy_list.read_copies(path)
    path.write_text('{"images": ' + "[" * 100_000)
    with pytest.raises(InputError, match="is no list of copies"):
        copy_list.read_copies(path)


def test_a_short_list_of_another_dataset_is_refused():
    copies = copy_list.list_copies(TABLE, NEAR, "made")
    stranger = make_table([f"{n:016x}" for n in range(50, 90)], ["train"] * 20 + ["val"] * 10 + ["test"] * 10)
    with pytest.raises(InputError, match="none of its images is here; give --protocol.list search"):
        copy_list.groups_of(stranger, copies)
    unique = copy_list.list_copies(stranger, np.arange(40), "unique")  # a dataset without any copy has an empty list
    assert len(np.unique(copy_list.groups_of(stranger, unique))) == 40
    with pytest.raises(InputError, match="none of its images is here"):
        copy_list.groups_of(dataclasses.replace(stranger, digest=np.char.add("f", stranger.digest)), unique)


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
        (["--export", "PLACE/nowhere/x"], "lies in no folder that is there; give another place"),
        (["--export", "PLACE/x", "--against", "synthetic", "none"], "leave --against out"),
        (["--export", "PLACE/taken.json"], "is there already; give another name"),
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


def test_the_shipped_list_is_of_the_official_release():
    copies = copy_list.read_copies("shipped")
    assert copies.images == {"train": 28_709, "val": 3_589, "test": 3_589}
    usage = np.repeat(["Training", "PublicTest", "PrivateTest"], list(copies.images.values()))
    assert (usage[copies.row] == copies.usage).all()
    test, train = copies.usage == "PrivateTest", copies.usage == "Training"
    exact = np.isin(copies.digest[test], copies.digest[train])
    near = np.isin(copies.group[test], copies.group[train])
    assert (exact.sum(), near.sum()) == (288, 934)
