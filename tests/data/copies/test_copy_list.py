"""The list of copies: written, read, laid over a table, and what is shipped for FER-2013."""

import dataclasses

import numpy as np
import pytest
from fer_data_audit import exported_list

from fer_plugins.data.copies import copy_list
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError


def make_table(digests, splits):
    size = len(digests)
    sources = np.array([f"made.csv:row {number}" for number in range(1, size + 1)])
    return SampleTable(np.zeros(size, np.int64), sources, np.array(splits), digest=np.array(digests))


# Rows 0, 2 are identical; 2 and 3 near copies; 1 and 5 identical; 4 is alone.
TABLE = make_table([f"{n:016x}" for n in (7, 8, 7, 9, 10, 8)], ["train", "train", "test", "val", "train", "test"])
NEAR = np.array([0, 1, 2, 2, 4, 5])


def same_groups(first, second):
    pairs = np.unique(np.stack([first, second]), axis=1)
    return len(np.unique(first)) == len(np.unique(second)) == pairs.shape[1]


def test_identical_images_and_near_copies_are_joined_by_chains():
    assert same_groups(copy_list.join_copies(TABLE, None), np.array([0, 1, 0, 2, 3, 1]))
    assert same_groups(copy_list.join_copies(TABLE, NEAR), np.array([0, 1, 0, 0, 3, 1]))


def test_the_list_names_rows_splits_groups_and_kinds():
    copies = exported_list.list_copies(TABLE, NEAR, "made")
    assert copies.row.tolist() == [0, 2, 3, 1, 5]
    assert copies.group.tolist() == [1, 1, 1, 2, 2]
    assert copies.kind.tolist() == ["near"] * 3 + ["exact"] * 2
    assert copies.usage.tolist() == ["train", "test", "val", "train", "test"]
    assert copies.images == {"train": 3, "val": 1, "test": 2}
    assert copies.source is None  # every source says its row already
    named = dataclasses.replace(TABLE, source=np.array(list("abcdef")))
    assert exported_list.list_copies(named, NEAR, "made").source.tolist() == list("acdbf")


@pytest.mark.parametrize("write", [exported_list.as_csv, exported_list.as_json])
@pytest.mark.parametrize("sources", [None, ["a,b", 'c"d', "e", "f", "g", "ü"]])
def test_what_is_written_is_read_again(write, sources, tmp_path):
    table = TABLE if sources is None else dataclasses.replace(TABLE, source=np.array(sources))
    copies = exported_list.list_copies(table, NEAR, "made")
    path = tmp_path / "copies"
    path.write_text(write(copies), encoding="utf-8")
    again = copy_list.read_copies(path)
    for field in dataclasses.fields(copies):
        assert np.array_equal(getattr(copies, field.name), getattr(again, field.name)), field.name
    assert same_groups(copy_list.groups_of(TABLE, again), copy_list.join_copies(TABLE, NEAR))


def test_a_list_fits_any_order_and_part_of_the_same_images():
    copies = exported_list.list_copies(TABLE, NEAR, "made")
    for rows in (np.array([5, 3, 1, 0, 2, 4]), np.array([0, 3])):
        assert same_groups(copy_list.groups_of(TABLE.rows(rows), copies), copy_list.join_copies(TABLE, NEAR)[rows])


def test_a_list_of_other_images_is_refused_with_a_remedy():
    digests = [f"{n:016x}" for n in range(200)] * 2
    splits = ["train"] * 300 + ["test"] * 100
    table = make_table(digests, splits)
    copies = exported_list.list_copies(table, np.arange(400), "made")
    reencoded = make_table([f"{n + 999:016x}" for n in range(300)] + digests[300:], splits)  # train alone was altered
    with pytest.raises(InputError, match="of its train 1.. are here, about 300 should be.*give --protocol.list search"):
        copy_list.groups_of(reencoded, dataclasses.replace(copies, digest=np.array([f"{n:016x}" for n in range(400)])))


@pytest.mark.parametrize("text", ["", "row,usage\n1,train\n", '{"format": "fer-plugins copies 1"}', "{]", "\0"])
def test_what_is_no_list_is_refused(text, tmp_path):
    path = tmp_path / "no.csv"
    path.write_text(text)
    with pytest.raises(InputError, match="is not a list of copies"):
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
    text = exported_list.as_csv(exported_list.list_copies(TABLE, NEAR, "made"))
    assert old in text
    path = tmp_path / "altered.csv"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match="was altered; make it again"):
        copy_list.read_copies(path)
    path.write_text('{"images": ' + "[" * 100_000)
    with pytest.raises(InputError, match="is not a list of copies"):
        copy_list.read_copies(path)


def test_a_short_list_of_another_dataset_is_refused():
    copies = exported_list.list_copies(TABLE, NEAR, "made")
    stranger = make_table([f"{n:016x}" for n in range(50, 90)], ["train"] * 20 + ["val"] * 10 + ["test"] * 10)
    with pytest.raises(InputError, match="none of its images is here; give --protocol.list search"):
        copy_list.groups_of(stranger, copies)
    # A dataset without any copy has an empty list.
    unique = exported_list.list_copies(stranger, np.arange(40), "unique")
    assert len(np.unique(copy_list.groups_of(stranger, unique))) == 40
    with pytest.raises(InputError, match="none of its images is here"):
        copy_list.groups_of(dataclasses.replace(stranger, digest=np.char.add("f", stranger.digest)), unique)


def test_the_shipped_list_is_of_the_official_release():
    copies = copy_list.read_copies("shipped")
    assert copies.images == {"train": 28_709, "val": 3_589, "test": 3_589}
    usage = np.repeat(["Training", "PublicTest", "PrivateTest"], list(copies.images.values()))
    assert (usage[copies.row] == copies.usage).all()
    test, train = copies.usage == "PrivateTest", copies.usage == "Training"
    exact = np.isin(copies.digest[test], copies.digest[train])
    near = np.isin(copies.group[test], copies.group[train])
    assert (exact.sum(), near.sum()) == (288, 934)
