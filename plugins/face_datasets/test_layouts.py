"""Layouts in which people keep images: what is read as which split and class, and what is known of subjects."""

from __future__ import annotations

import json
import tarfile
from collections import Counter

import pytest
from support import layout_cases as cases

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

from_cases = (
    "fake",
    "tree",
    "renamed",
    "boxes",
    "yolo",
    "SEVEN",
    "SPANISH",
    "CODES",
    "IMAGES",
    "KAGGLE",
    "DOUBLED",
    "BOTH",
)
fake, tree, renamed, boxes, yolo, SEVEN, SPANISH, CODES, IMAGES, KAGGLE, DOUBLED, BOTH = (
    getattr(cases, name) for name in from_cases
)
ADJECTIVES, NOUNS, NUMBERED, CHINESE, CLASSES = (
    getattr(cases, name) for name in ("ADJECTIVES", "NOUNS", "NUMBERED", "CHINESE", "CLASSES")
)
LAYOUTS = cases.LAYOUTS


def build(name, root, **options):
    if name not in ("folder", "affectnet"):
        options.setdefault("check", "off")
    return registry.build("dataset", name, root=root, **options)


def write_tar(files, path):
    folder = fake.write_folder(files, path.with_suffix(""))
    with tarfile.open(path, "w") as archive:
        archive.add(folder, ".")
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_by_what_its_folders_mean(layout, tmp_path):
    names, files, options, splits = LAYOUTS[layout]
    roots = [fake.write_zip(files, tmp_path / "b.zip", top="around/")]
    if layout != "Windows":
        roots.append(fake.write_folder(files, tmp_path / "a"))
    for name in names:
        for root in roots:
            dataset = build(name, root, **options)
            table = dataset.table
            wanted = {"train": 14, "test": 14} if name == "affectnet" and splits == {"train": 14, "val": 14} else splits
            assert Counter(table.get("split", [""] * len(dataset))) == wanted
            for row in range(len(dataset)):
                dataset[row]


def named(dataset):
    """The class of each image, by its name."""
    return dict(zip(dataset.table["source"], (dataset.classes[label] for label in dataset.table["label"]), strict=True))


@pytest.mark.parametrize("words", [ADJECTIVES, NOUNS, NUMBERED, SPANISH, CHINESE])
def test_words_mean_the_same_class_for_every_dataset(words, tmp_path):
    root = fake.write_folder(tree(("train", "test"), words), tmp_path)
    meanings = words if isinstance(words, dict) else None
    wanted = dict(zip(words, ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise"), strict=True))
    for name in CLASSES:
        result = named(build(name, root, names=meanings))
        assert {source: wanted[source.split("/")[1]] for source in result} == result


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("fer2013", dict(enumerate(("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")))),
        ("rafdb", dict(enumerate(("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral"), start=1))),
        ("affectnet", dict(enumerate(("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")))),
    ],
)
def test_numbered_folders_have_the_release_s_own_codes(name, codes, tmp_path):
    root = fake.write_folder(tree(("train", "val", "test"), codes), tmp_path)
    for source, expression in named(build(name, root)).items():
        assert codes[int(source.split("/")[1])] == expression


@pytest.mark.parametrize("form", ["mapping.json", "mapping.yaml", "list.json", "index.json", "data.yaml"])
def test_names_come_from_a_file(form, tmp_path):
    words = dict(zip(CODES, SEVEN, strict=True))
    text = {
        "mapping.json": json.dumps(words),
        "mapping.yaml": "".join(f"{code}: {name}\n" for code, name in words.items()),
        "list.json": json.dumps(list(words.values())),
        "index.json": json.dumps({name: int(code) for code, name in words.items()}),  # torchvision's class_to_idx
        "data.yaml": json.dumps({"names": list(words.values())}),
    }[form]
    (tmp_path / form).write_text(text, encoding="utf-8")
    root = fake.write_folder(tree(("train", "test"), CODES), tmp_path / "data")
    dataset = build("folder", root, names=str(tmp_path / form))
    assert named(dataset) == named(build("folder", root, codes=list(SEVEN)))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"bored": "happy"}, "none of the words of --data.names .bored. occurs there; what occurs: '0'"),
        ("nowhere.json", "--data.names nowhere.json: there is no such file"),
        ({"0": ""}, "'0' has no name"),
        ({"A": "sad", "a": "happy"}, "'a' appears twice"),
        ([], "is not what is needed"),
    ],
)
def test_names_that_mean_nothing_are_refused(names, message, tmp_path):
    root = fake.write_folder(tree(("train", "test"), CODES), tmp_path)
    with pytest.raises(InputError, match=message):
        build("folder", root, names=names, on_unknown_label="keep")


def test_a_copy_that_holds_itself_twice_is_read_once_and_says_so(tmp_path):
    for root in (fake.write_folder(DOUBLED, tmp_path / "a"), fake.write_zip(DOUBLED, tmp_path / "a.zip")):
        for name in BOTH:
            dataset = build(name, root)
            assert dataset.table["label"], len(dataset) == len(KAGGLE)
            assert any(
                "'images/images' holds the same 28 files as 'images' once more" in note for note in dataset.notes
            )
    changed = {**DOUBLED, "images/images/train/happy/7.png": fake.picture(777)}
    assert set(changed) == set(DOUBLED)
    for root in (fake.write_folder(changed, tmp_path / "b"), fake.write_zip(changed, tmp_path / "b.zip")):
        with pytest.raises(InputError, match="in 'images' and in 'images/images', which are not the same"):
            build("folder", root)


def test_a_tar_of_images_is_read_in_place(tmp_path):
    for name, files in (("folder", KAGGLE), ("rafdb", fake.rafdb_official(1)), ("ckplus", fake.ckplus_folders(1))):
        packed = build(name, write_tar(files, tmp_path / f"{name}.tar"))
        folder = build(name, tmp_path / name)
        assert packed.table == folder.table
        assert all((packed[row] == folder[row]).all() for row in range(len(packed)))


def test_a_folder_inside_an_archive_may_be_the_root(tmp_path):
    files = {**{f"a/{name}": content for name, content in KAGGLE.items()}, "b/1.png": b"x"}
    root = fake.write_zip(files, tmp_path / "x.zip")
    assert len(build("folder", root / "a" / "images")) == len(KAGGLE)
    with pytest.raises(InputError, match="holds nothing in 'c'; there is a, b"):
        build("folder", root / "c")


def test_what_is_ignored_must_be_there(tmp_path):
    root = fake.write_folder(KAGGLE, tmp_path)
    assert len(build("folder", root, ignore=["images/validation"])) == 14
    assert len(build("folder", root, ignore=["*/happy/*"])) == 24
    with pytest.raises(InputError, match="there is no 'image', which --data.ignore names; there is images"):
        build("folder", root, ignore=["image"])


def test_rafdb_says_what_it_took_for_the_test_part(tmp_path):
    files = renamed(fake.rafdb_folders(2, lists=False), "/test/", "/valid/")
    dataset = build("rafdb", fake.write_folder(files, tmp_path / "a"))
    assert (
        "The second split of the copy, called validation, is the test split: the release has these two."
        in dataset.notes
    )
    mixed = renamed(files, "/valid/1/test_", "/valid/1/train_8")  # cut from the release's training split
    dataset = build("rafdb", fake.write_folder(mixed, tmp_path / "b"))
    assert set(dataset.table["split"]) == {"train", "val"}


def test_the_complete_rafdb_as_train_and_valid_or_in_three_parts_passes_the_check(tmp_path):
    counts = {
        "train": (1_290, 281, 717, 4_772, 1_982, 705, 2_524),  # in the order of the codes 1 to 7
        "valid": (329, 74, 160, 1_185, 478, 162, 680),
    }
    files = {
        f"{split}/{code}/{'train' if split == 'train' else 'test'}_{code}{number:05}_aligned.jpg": b"x"
        for split, many in counts.items()
        for code, count in enumerate(many, start=1)
        for number in range(count)
    }
    assert len(registry.build("dataset", "rafdb", root=fake.write_zip(files, tmp_path / "two.zip"))) == 15_339
    three = {
        name.replace("valid/", "test/").replace("train/4/train_40000", "val/4/train_40000"): b"x" for name in files
    }
    root = fake.write_zip(three, tmp_path / "three.zip")
    assert registry.build("dataset", "rafdb", root=root).table["split"].count("val") == 10
    with pytest.raises(InputError, match="15,338 images instead of 15,339"):
        registry.build("dataset", "rafdb", root=root, ignore=[list(three)[-1]])


def test_ckplus_sequences_begin_neutral_and_end_at_the_peak(tmp_path):
    files = tree(("x",), ("happy", "sadness"), each=6, form="{name}/S005_001/S005_001_{number:08}.png")
    dataset = build("ckplus", fake.write_folder(files, tmp_path), first_frame_neutral=True)
    assert {source[-12:-4]: expression for source, expression in named(dataset).items()} == {
        "00000000": "neutral",
        "00000005": "happy",
        "00000006": "neutral",
        "00000011": "sad",
    }
    assert set(dataset.table["subject"]) == {"S005"}
    assert any("Of 12 images in 2 sequences, 4 are samples" in note for note in dataset.notes)


def test_people_above_the_classes_are_subjects(tmp_path):
    dataset = build("folder", fake.write_folder(tree(("S01", "S02", "S03"), SEVEN), tmp_path))
    assert Counter(dataset.table["subject"]) == {"S01": 14, "S02": 14, "S03": 14}


def test_boxes_of_several_classes_or_none_are_left_out_by_name(tmp_path):
    files = {**yolo(), "labels/train/0.txt": boxes(0) + boxes(1), "labels/train/1.txt": b"\n"}
    notes = build("folder", fake.write_folder(files, tmp_path)).notes
    assert "1 images have boxes of several classes and were left out, the first images/train/0.jpg." in notes
    assert "1 images have no box and were left out, the first images/train/1.jpg." in notes


def test_images_and_columns_that_a_list_does_not_name_are_said(tmp_path):
    files = {**IMAGES, "a.csv": b"image,label,age\ntrain/0.png,sad,3\n", "b.csv": b"image,label\ntrain/1.png,sad\n"}
    notes = build("folder", fake.write_folder(files, tmp_path), csv="a.csv").notes
    assert "Columns of a.csv that were not read: age." in notes
    assert any(note.startswith("3 images were not read, since no list names them") for note in notes)
    assert any("Lists that were not read: b.csv" in note for note in notes)
