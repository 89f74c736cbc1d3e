"""The official split without copies across splits."""

import dataclasses
import functools
import json

import numpy as np
import pytest
from fer_data_audit import exported_list
from support import fake_datasets as fake
from support.verbs import parse

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.data.protocols.deduplicated import official_deduplicated
from fer_plugins.data.protocols.official import describe_fold, split_folds
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_protocol
from fer_plugins.training.build import build_data

ROWS = (  # split, digest, group of near copies, label
    ("train", "a", 0, 0),  # 0: identical to test row 9
    ("train", "b", 1, 0),  # 1: near copy of val row 7
    ("train", "c", 2, 0),  # 2, 3, 4: identical, two labels against one
    ("train", "c", 2, 0),
    ("train", "c", 2, 1),
    ("train", "d", 3, 0),  # 5, 6: near copies, one label each
    ("train", "e", 3, 1),
    ("val", "f", 1, 0),  # 7
    ("val", "g", 4, 1),  # 8: near copy of test row 10
    ("test", "a", 5, 0),  # 9
    ("test", "h", 4, 1),  # 10
    ("train", "i", 6, 1),  # 11: alone
    ("val", "j", 7, 0),  # 12: alone
)


def make_table(near=True):
    split, digest, group, label = zip(*ROWS, strict=True)
    return SampleTable(
        np.array(label),
        np.array([f"{row:02d}.png" for row in range(len(ROWS))]),
        np.array(split),
        digest=np.array([ord(letter[0]) for letter in digest]).astype("U16"),
        near=np.array(group) if near else None,
    )


@pytest.mark.parametrize(
    ("options", "train", "val"),
    [
        ({}, [2, 3, 4, 5, 6, 11], [7, 12]),
        ({"contradicting": "majority"}, [2, 3, 11], [7, 12]),
        ({"contradicting": "drop"}, [11], [7, 12]),
        ({"copies": "exact"}, [1, 2, 3, 4, 5, 6, 11], [7, 8, 12]),
        ({"copies": "exact", "contradicting": "drop"}, [1, 5, 6, 11], [7, 8, 12]),
        ({"copies": "exact", "contradicting": "majority"}, [1, 2, 3, 5, 6, 11], [7, 8, 12]),
    ],
)
def test_what_leaves_and_what_is_said_of_it(options, train, val):
    protocol = registry.build("protocol", "official_deduplicated", **options)
    (fold,) = split_folds(make_table(), protocol)
    assert (fold.train.tolist(), fold.val.tolist(), fold.test.tolist()) == (train, val, [9, 10])
    notice = describe_fold(protocol, make_table())
    assert notice.code == "left_out"
    left = notice.data["train_with_copy_in_val_or_test"] + notice.data["train_contradicting"]
    assert left == 8 - len(train)
    assert notice.data["val_with_copy_in_test"] == 3 - len(val)
    assert f"{len(train)} train, {len(val)} val and 2 test images remain" in notice


def test_the_contract_holds():
    check_protocol(official_deduplicated, make_table())
    check_protocol(functools.partial(official_deduplicated, contradicting="majority"), make_table())


def test_a_list_takes_the_place_of_the_search(tmp_path):
    table = dataclasses.replace(make_table(), digest=np.array([f"{ord(row[1]):016x}" for row in ROWS]))
    path = tmp_path / "list.json"
    path.write_text(exported_list.as_json(exported_list.list_copies(table, table.near, "made")))
    (searched,) = official_deduplicated(table, 0)
    unsearched = dataclasses.replace(table, near=None)
    (listed,) = official_deduplicated(unsearched, 0, list=str(path))
    assert [rows.tolist() for rows in listed] == [rows.tolist() for rows in searched]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "near copies were not looked for; leave data.near_copies out, or give --protocol.copies exact"),
        ({"copies": "exact", "list": "shipped"}, "protocol.list has no effect with protocol.copies exact"),
        ({"list": "nowhere.csv"}, "nowhere.csv: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        official_deduplicated(make_table(near=False), 0, **options)
    if not options:  # the remedy
        official_deduplicated(make_table(near=False), 0, copies="exact")


def test_a_release_without_a_split_names_a_remedy_that_works():
    table = dataclasses.replace(make_table(), split=np.where(make_table().split == "test", "test", "train"))
    with pytest.raises(
        InputError, match="protocol official_deduplicated: .* no val split; use --protocol official_val"
    ):
        official_deduplicated(table, 0)
    registry.build("protocol", "official_val", share=0.5)(table)


@pytest.fixture
def root(tmp_path):
    """Images in three splits; a copy of a training image in test."""
    files = {
        f"{split}/{name}/{number}.png": fake.picture(100 * place + 10 * label + number)
        for place, split in enumerate(("train", "val", "test"))
        for label, name in enumerate(("happy", "sad"))
        for number in range(6)
    }
    files["test/sad/copy.png"] = files["train/happy/0.png"]
    return fake.write_folder(files, tmp_path / "data")


@pytest.mark.usefixtures("toy")
def test_a_run_leaves_them_out_and_its_manifest_says_how_many(root, tmp_path, capsys):
    argv = f"--plugin toy --data folder --data.root {root} --protocol official_deduplicated --trainer.epochs 1 "
    argv += f"--logger none --data.leaks error --run.output {tmp_path / 'runs'}"
    assert main.call("fer-run", main._run, argv.split()) == 0, capsys.readouterr().err
    assert "1 images of train with a copy in val or test" in capsys.readouterr().out
    (folder,) = (tmp_path / "runs").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["protocol"]["left_out"]["train_with_copy_in_val_or_test"] == 1
    assert manifest["data"]["counts"]["train"]["happy"] == 5
    assert manifest["data"]["leaks"]["images"] == {"train/val": 0, "train/test": 0, "val/test": 0}
    out = tmp_path / "split.json"
    assert (
        main.call("fer", main._verb, ["data", "split", "folder", str(root), *argv.split()[6:8], "--out", str(out)]) == 0
    )
    assert "1 images of train" in capsys.readouterr().out


def test_near_copies_that_are_off_are_refused_before_a_run(root):
    flags = parse(
        f"--data folder --data.root {root} --protocol official_deduplicated --data.near_copies off".split()
    ).flags

    with pytest.raises(InputError, match="leave data.near_copies out"):
        build_data(config.resolve(flags, plugin="lenet5").config)


@pytest.mark.real_data
def test_what_leaves_fer2013(real_fer2013, capsys, tmp_path):
    argv = ["data", "split", "fer2013", str(real_fer2013), "--protocol", "official_deduplicated", "--protocol.list"]
    assert main.call("fer", main._verb, [*argv, "shipped", "--out", str(tmp_path / "split.json")]) == 0
    assert "25,607 train, 3,363 val and 3,589 test images remain" in capsys.readouterr().out
