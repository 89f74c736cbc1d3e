"""Which image a list means, where images of several splits have the same name or their paths are another machine's."""

from __future__ import annotations

import pytest
from support import remedy_cases as cases

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

fake = cases.fake

SPLITS = ("train", "val", "test")
# The classes differ from split to split, so that an image of another split has another label.
NAMES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CLASS = {(split, number): NAMES[(2 * at + number) % 7] for at, split in enumerate(SPLITS) for number in range(4)}


def lists_of(form, path="{number}.png"):
    """A list a split, in which the images are called by ``path``."""
    return {
        form.format(split=split): "".join(
            ["image,label\n"]
            + [f"{path.format(split=split, number=number)},{CLASS[split, number]}\n" for number in range(4)]
        ).encode()
        for split in SPLITS
    }


def images(form="{split}/{number}.png"):
    return {form.format(split=split, number=number): fake.picture(at) for at, (split, number) in enumerate(CLASS)}


def check(dataset, form="{split}/{number}.png"):
    wanted = {form.format(split=split, number=number): (split, name) for (split, number), name in CLASS.items()}
    result = {}
    for source, split, label in zip(*(dataset.table[key] for key in ("source", "split", "label")), strict=True):
        result[source.removeprefix("around/")] = (split, dataset.classes[label])
    assert result == wanted


def roots(files, folder):
    """The same copy as a folder and as a zip that holds it in a folder of its own."""
    return fake.write_folder(files, folder / "a"), fake.write_zip(files, folder / "b.zip", top="around/")


@pytest.mark.parametrize(
    "lists", ["{split}.csv", "lists/{split}.csv", "{split}_labels.csv", "annotations/{split}/l.csv"]
)
@pytest.mark.parametrize("form", ["{split}/{number}.png", "images/{split}/faces/{number}.png"])
def test_a_list_of_one_split_means_the_images_of_its_split(lists, form, tmp_path):
    for root in roots({**images(form), **lists_of(lists)}, tmp_path):
        check(registry.build("dataset", "folder", root=root), form)


def test_a_column_of_splits_means_the_images_of_each(tmp_path):
    rows = [f"{number},{name},{split}\n" for (split, number), name in CLASS.items()]
    for root in roots({**images(), "labels.csv": "".join(["id,label,split\n", *rows]).encode()}, tmp_path):
        check(registry.build("dataset", "folder", root=root))


@pytest.mark.parametrize("path", ["C:\\data\\faces\\{split}\\{number}.png", "/home/me/faces/{split}/{number}.png"])
def test_paths_of_another_machine_mean_the_same_in_a_folder_and_in_a_zip(path, tmp_path):
    for root in roots({**images(), **lists_of("{split}.csv", path)}, tmp_path):
        check(registry.build("dataset", "folder", root=root))


def test_names_that_could_be_several_images_are_named_and_the_remedy_helps(tmp_path):
    rows = {number: CLASS["test", number] for number in range(4)}
    text = "".join(["image,label\n"] + [f"{number}.png,{name}\n" for number, name in rows.items()])
    root = fake.write_folder({**images(), "labels.csv": text.encode()}, tmp_path)
    with pytest.raises(InputError, match=r"'0\.png' could be any of 3 files .*test/0\.png.*which one is meant"):
        registry.build("dataset", "folder", root=root).table["label"]
    (tmp_path / "labels.csv").write_text(text.replace("\n", "\ntest/").removesuffix("test/"), encoding="utf-8")
    assert len(registry.build("dataset", "folder", root=root)) == 4
