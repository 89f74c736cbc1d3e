"""Folders whose one name says split and class."""

from collections import Counter

import pytest
from fer_image_files.class_names import ClassNames, divide_folders
from support import fake_datasets as fake
from support import remedy_cases as cases

from fer_plugins.config import registry


@pytest.mark.parametrize("form", ["{split}_{name}/{number}.png", "a/{name}-{split}/x/{number}.png"])
@pytest.mark.parametrize("name", ["folder", "fer2013", "rafdb", "affectnet"])
def test_a_folder_that_names_split_and_class_is_both(name, form, tmp_path):
    root = fake.write_folder(cases.tree(("train", "test"), cases.SEVEN, form=form), tmp_path)
    dataset = registry.build("dataset", name, root=root, **({"check": "off"} if name in ("fer2013", "rafdb") else {}))
    table = dataset.table
    assert Counter(table["split"]) == {"train": 14, "test": 14}
    meant = {"angry": "anger"}
    for source, split, label in zip(table["source"], table["split"], table["label"], strict=True):
        assert split in source
        assert any(meant.get(word, word) == dataset.classes[label] for word in cases.SEVEN if word in source)
    assert any("were read as split and class" in note for note in dataset.notes)


def test_a_name_is_divided_only_where_every_folder_has_such_a_one():
    names = ClassNames()
    assert divide_folders([("train_happy",), ("test_sad",)], names)[("test_sad",)] == ("test", "sad")
    mixed = [("train_happy",), ("sad",)]
    assert divide_folders(mixed, names) == {path: path for path in mixed}
    whole = [("train", "happy"), ("happy_faces",), ("train_set",)]
    assert divide_folders(whole, names) == {path: path for path in whole}
