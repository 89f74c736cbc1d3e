"""What a plug-in's dataset of files gets from ListedDataset: the guide's own example, and the parts it may hand in."""

import functools
import pickle
import re

import numpy as np
import pytest
from fer_image_files.archives.opening import open_root
from fer_image_files.decoding import UnreadableError
from fer_image_files.listed_dataset import ListedDataset, Listing, Row
from support import ROOT
from support import fake_datasets as fake

from fer_plugins.contract import Release
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_dataset

WORDS = ("anger", "contempt", "disgust", "fear", "joy", "neutral", "sad", "surprise")
NIGHT = {f"a/p0{person}_{word}_1.png": fake.picture(10 * person + len(word)) for person in range(3) for word in WORDS}


@pytest.fixture
def night_faces():
    text = (ROOT / "docs" / "writing-a-plugin.md").read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "night_faces" in block)
    scope = {"__name__": "night_faces"}
    exec(compile(code, "writing-a-plugin.md", "exec"), scope)
    return scope["night_faces"]


def test_the_example_of_the_guide_keeps_the_contract_from_folder_and_zip(night_faces, tmp_path):
    roots = fake.write_folder(NIGHT, tmp_path / "a"), fake.write_zip(NIGHT, tmp_path / "b.zip", top="around/")
    for root in roots:
        dataset = night_faces(root=root, check="warn")
        check_dataset(dataset)
        assert dataset.table["subject"] == ["p00"] * 8 + ["p01"] * 8 + ["p02"] * 8
        assert [dataset.classes[label] for label in dataset.table["label"]][3:7] == ["fear", "happy", "neutral", "sad"]
        assert dataset.notes[-1] == "The counts are not the release's: 3 subjects instead of 40."
    with pytest.raises(InputError, match="not the complete Night Faces: 3 subjects instead of 40"):
        night_faces(root=roots[0])
    with pytest.raises(InputError, match="on_bad_image is 'never'; give --data.on_bad_image error or skip"):
        night_faces(root=roots[0], check="off", on_bad_image="never")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="nothing of night_faces found"):
        night_faces(root=fake.write_folder({"x.png": b""}, tmp_path / "none"))


def rows_of(files, classes=("happy", "sad")):
    return Listing("it", classes, [Row(name, "sad" in name) for name in files.names], Release(samples=24))


def test_a_function_is_called_at_the_first_use_and_once(tmp_path):
    files = open_root("it", fake.write_folder(NIGHT, tmp_path), "it")
    calls = []
    dataset = ListedDataset("it", "It", files, lambda: calls.append(1) or rows_of(files), classes=("happy", "sad"))
    assert dataset.classes == ("happy", "sad")
    assert calls == []
    assert len(dataset) == len(dataset.table["label"]) == 24
    assert calls == [1]
    copy = ListedDataset("it", "It", files, functools.partial(rows_of, files))
    assert np.array_equal(pickle.loads(pickle.dumps(copy))[5], copy[5])


def test_further_columns_follow_the_rows_that_are_left(tmp_path):
    files = open_root("it", fake.write_folder({**NIGHT, "a/p00_anger_1.png": b"no image"}, tmp_path), "it")
    listing = rows_of(files)
    listing.columns["votes"] = np.arange(48).reshape(24, 2)
    dataset = ListedDataset("it", "It", files, listing, on_bad_image="skip", target_mode="draw")
    assert dataset.table["votes"].tolist() == np.arange(2, 48).reshape(23, 2).tolist()
    assert len(dataset.left_out) == 1
    assert dataset.target_mode == "draw"
    with pytest.raises(UnreadableError):
        ListedDataset("it", "It", files, rows_of(files))[0]


def test_a_list_without_rows_or_with_one_twice_is_refused(tmp_path):
    files = open_root("it", fake.write_folder(NIGHT, tmp_path), "it")
    with pytest.raises(InputError, match="no image with a label is left"):
        ListedDataset("it", "It", files, Listing("it", ("happy",), []))
    with pytest.raises(InputError, match="is listed 2 times; list it once"):
        ListedDataset("it", "It", files, Listing("it", ("happy",), [Row(files.names[0], 0)] * 2))
