"""The datasets of image files: every layout from folder and zip, the releases' counts, and what is left out."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from fer_image_files.archives.file_set import ZipFiles
from support import fake_datasets as fake

from fer_plugins.config import registry
from fer_plugins.data.images import load_images
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_dataset

CLASSES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def build(name, root, **options):
    if name not in ("folder", "affectnet"):
        options.setdefault("check", "off")
    return registry.build("dataset", name, root=root, **options)


def load(dataset):
    return load_images(dataset, name="it", image_size=24, channels=1, cache=None, memory_gb=1)


def counts(dataset):
    table = dataset.table
    splits = table.get("split", [""] * len(table["label"]))
    result = {}
    for label, split in zip(table["label"], splits, strict=True):
        key = (split, dataset.classes[label])
        result[key] = result.get(key, 0) + 1
    return result


@pytest.mark.parametrize("layout", fake.LAYOUTS)
def test_every_layout_keeps_the_contract_and_is_the_same_from_folder_and_zips(layout, tmp_path):
    name, make = fake.LAYOUTS[layout]
    files = make()
    roots = [
        fake.write_folder(files, tmp_path / "a"),
        fake.write_zip(files, tmp_path / "b.zip"),
        fake.write_zip(files, tmp_path / "c.zip", top="around/"),
    ]
    prints, tables = [], []
    for root in roots:
        dataset = build(name, root)
        check_dataset(dataset)
        loaded = load(dataset)
        prints.append(loaded.table.fingerprint(loaded.classes))
        tables.append(counts(dataset))
        assert dataset.cache_key == build(name, root).cache_key
    assert len(set(prints)) == 1
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.parametrize("layout", ["jaffe", "rafdb_folders", "ckplus_tree", "affectnet_npy", "class_folders"])
def test_a_changed_file_or_option_changes_the_cache_key(layout, tmp_path):
    name, make = fake.LAYOUTS[layout]
    files = make()
    root = fake.write_folder(files, tmp_path)
    before = build(name, root).cache_key
    assert build(name, root, on_bad_image="skip").cache_key != before
    image = next(path for path in root.rglob("*") if path.suffix in (".png", ".jpg", ".tiff"))
    image.write_bytes(image.read_bytes() + b" ")
    assert build(name, root).cache_key != before


def test_subject_sequence_and_label_are_read_from_ckplus_names(tmp_path):
    dataset = build("ckplus", fake.write_folder(fake.ckplus_folders(2), tmp_path))
    row = dataset.table["source"].index("CK+48/contempt/S002_002_00000011.png")
    assert dataset.classes[dataset.table["label"][row]] == "contempt"
    assert (dataset.table["subject"][row], dataset.table["sequence"][row]) == ("S002", "S002_002")


def test_ckplus_official_codes_and_frames(tmp_path):
    root = fake.write_folder(fake.ckplus_tree(2, frames=5), tmp_path)
    dataset = build("ckplus", root)
    named = dict(zip(dataset.table["source"], (dataset.classes[i] for i in dataset.table["label"]), strict=True))
    codes = ("anger", "contempt", "disgust", "fear", "happy", "sad", "surprise")  # 1 to 7 in the release
    for take, expression in enumerate(codes, start=1):
        assert named[f"cohn-kanade-images/S001/{take:03}/S001_{take:03}_00000005.png"] == expression
    assert len(named) == 14  # takes 8 and 9 have no label

    more = build("ckplus", root, last_frames=2, first_frame_neutral=True)
    assert more.classes[6] == "neutral"
    assert counts(more) == {("", name): 2 if name == "neutral" else 4 for name in more.classes} | {("", "neutral"): 14}
    frames = {source.rpartition("_")[2] for source in more.table["source"]}
    assert frames == {"00000001.png", "00000004.png", "00000005.png"}
    everything = build("ckplus", root, last_frames=99, first_frame_neutral=True)
    assert len(everything) == 70  # the first frame cannot be neutral as well: it is the expression's already


def test_the_ckplus_csv_says_that_subjects_are_unknown_and_a_subject_split_is_refused(tmp_path):
    root = fake.write_folder(fake.ckplus_csv(), tmp_path) / "ckextended.csv"
    dataset = build("ckplus", root)
    assert any("subject-disjoint split of it is impossible" in note for note in dataset.notes)
    with pytest.raises(InputError, match="names no subject"):
        registry.build("protocol", "subject_kfold")(load(dataset).table)


def test_rafdb_codes(tmp_path):
    meant = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")  # 1 to 7
    dataset = build("rafdb", fake.write_folder(fake.rafdb_folders(1), tmp_path))
    for source, label in zip(dataset.table["source"], dataset.table["label"], strict=True):
        assert dataset.classes[label] == meant[int(source.split("/")[2]) - 1]


def test_rafdb_aligned_or_original_images(tmp_path):
    root = fake.write_folder(fake.rafdb_official(1), tmp_path)
    assert build("rafdb", root)[0].shape == (100, 100, 3)
    assert build("rafdb", root, images="original")[0].shape == (120, 90, 3)


def test_affectnet_with_seven_classes_leaves_contempt_out_and_counts_it(tmp_path):
    root = fake.write_folder(fake.affectnet_csv(2), tmp_path)
    dataset = build("affectnet", root, expressions=7)
    assert dataset.classes == CLASSES
    assert counts(dataset) == {(split, name): 2 for split in ("train", "test") for name in CLASSES}
    assert any("4 none, 4 uncertain, 4 no face, 4 contempt" in note for note in dataset.notes)


def test_folder_csv_with_columns_named_by_the_user(tmp_path):
    root = fake.write_folder(fake.listed_images(), tmp_path)
    columns = {"image_column": "file", "label_column": "emotion", "split_column": "part"}
    for place in (root, root / "list.csv"):
        dataset = build("folder", place, **columns, subject_column="person", sequence_column="video")
        check_dataset(dataset)
        assert dataset.classes == ("happy", "sad", "neutral")
        assert sorted(set(dataset.table["split"])) == ["test", "train", "val"]
        assert set(dataset.table["subject"]) == {"p0", "p1", "p2", "p3"}
        assert any("happiness -> happy (4)" in note for note in dataset.notes)


def test_folder_labels_by_number_unknown_labels_and_case(tmp_path):
    numbered = fake.write_folder(fake.class_folders(("0", "1")), tmp_path / "numbered")
    assert build("folder", numbered, codes=["Fear", "joy"]).classes == ("fear", "happy")
    odd = fake.write_folder(fake.class_folders(("HAPPY", "Sad", "bored")), tmp_path / "odd")
    with pytest.raises(InputError, match=r"that are not known expressions: 'bored' \(4\)"):
        build("folder", odd)
    dropped = build("folder", odd, on_unknown_label="drop")
    assert (dropped.classes, len(dropped)) == (("happy", "sad"), 8)
    assert any("left out: 'bored' (4)" in note for note in dropped.notes)
    assert build("folder", odd, on_unknown_label="keep").classes == ("happy", "sad", "bored")


def test_a_bad_image_is_an_error_or_is_left_out_and_counted(tmp_path):
    files = fake.jaffe()
    bad = next(iter(files))
    files[bad] = files[bad][: len(files[bad]) // 2]
    root = fake.write_folder(files, tmp_path)
    with pytest.raises(InputError, match=bad):
        load(build("jaffe", root))
    assert [error.where for error in build("jaffe", root).bad_rows()] == [str(root / bad)]
    dataset = build("jaffe", root, on_bad_image="skip")
    assert len(load(dataset).table) == len(files) - 1
    assert any("1 bad images were left out" in note and bad in note for note in dataset.notes)
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again[0], dataset[0])


# The releases' tables: complete copies, whose images are all the same few bytes, pass; one image less does not.

RELEASES = {
    "jaffe": dict(zip(CLASSES, (30, 29, 32, 31, 31, 30, 30), strict=True)),
    "ckplus": {"anger": 135, "contempt": 54, "disgust": 177, "fear": 75, "happy": 207, "sadness": 84, "surprise": 249},
    "rafdb": {
        "train": (1_290, 281, 717, 4_772, 1_982, 705, 2_524),  # in the order of the codes 1 to 7
        "test": (329, 74, 160, 1_185, 478, 162, 680),
    },
}


def complete(name):
    """The file names of a complete copy."""
    if name == "jaffe":
        codes = dict(zip(CLASSES, ("AN", "DI", "FE", "HA", "SA", "SU", "NE"), strict=True))
        women = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
        numbers = [(codes[label], number) for label, many in RELEASES["jaffe"].items() for number in range(many)]
        return [
            f"{women[number % 10]}.{code}{number // 10}.{place}.tiff" for place, (code, number) in enumerate(numbers)
        ]
    if name == "ckplus":
        sequences = [label for label, many in RELEASES["ckplus"].items() for _ in range(many // 3)]
        return [
            f"{label}/S{place % 118:03}_{place // 118:03}_{frame:08}.png"
            for place, label in enumerate(sequences)
            for frame in (8, 9, 10)
        ]
    if name == "rafdb":
        return [
            f"DATASET/{split}/{code}/{split}_{code}{number:05}_aligned.jpg"
            for split, many in RELEASES["rafdb"].items()
            for code, count in enumerate(many, start=1)
            for number in range(count)
        ]
    characters = ("aia", "bonnie", "jules", "malcolm", "mery", "ray")
    expressions = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
    return [f"{characters[i % 6]}/{characters[i % 6]}_{expressions[i // 6 % 7]}/{i:05}.png" for i in range(55_767)]


@pytest.mark.parametrize(
    ("name", "size", "subjects", "sequences"),
    [("jaffe", 213, 10, None), ("ckplus", 981, 118, 327), ("rafdb", 15_339, None, None), ("ferg", 55_767, 6, None)],
)
def test_a_complete_copy_passes_and_one_image_less_is_refused(name, size, subjects, sequences, tmp_path):
    names = complete(name)
    root = fake.write_zip(dict.fromkeys(names, b"x"), tmp_path / "whole.zip")
    dataset = registry.build("dataset", name, root=root)
    assert len(dataset) == size
    assert (dataset.release.samples, dataset.release.subjects, dataset.release.sequences) == (size, subjects, sequences)
    table = dataset.table
    assert "subject" not in table or len(set(table["subject"])) == subjects
    assert "sequence" not in table or len(set(table["sequence"])) == sequences

    less = {"root": root, "ignore": names[:1]}
    with pytest.raises(InputError, match="not the complete") as caught:
        registry.build("dataset", name, **less)
    assert f"{size - 1:,} images instead of {size:,}" in str(caught.value)
    assert "\n" not in str(caught.value)
    warned = registry.build("dataset", name, **less, check="warn")
    assert any("not the release's" in note for note in warned.notes)


def test_the_ckplus_csv_and_tree_counts(tmp_path):
    csv = build("ckplus", fake.write_folder(fake.ckplus_csv(), tmp_path / "csv"))
    assert csv.release.samples == sum(csv.release.counts["all"].values()) == 920
    assert csv.release.counts["all"]["contempt"] == 18
    tree = build("ckplus", fake.write_folder(fake.ckplus_tree(), tmp_path / "tree"))
    assert sum(tree.release.counts["all"].values()) == tree.release.sequences == 327
    assert tree.release.subjects == 118


def test_images_that_are_no_samples_are_named_with_the_reason(tmp_path):
    cases = {
        "jaffe": ({**fake.jaffe(), "KA.AN1.1 (1).tiff": b"x"}, "their names are none of JAFFE's", "KA.AN1.1 (1).tiff"),
        "ferg": ({**fake.ferg(), "FERG_DB_256/1.webp": b"x"}, "no folder of a character", "1.webp"),
        "rafdb": ({**fake.rafdb_folders(1), "README.png": b"x"}, "no class folder, so have no label", "at the top"),
        "affectnet": ({**fake.affectnet_npy(1), "train_set/images/77.jpg": b"x"}, "no list or annotation", "77.jpg"),
        "folder": ({**fake.class_folders(split=True), "docs/1.gif": b"x"}, "no class folder", "in docs"),
    }
    for name, (files, why, odd) in cases.items():
        notes = build(name, fake.write_folder(files, tmp_path / name)).notes
        assert any("1 images" in note and why in note and odd in note for note in notes), (name, notes)


@pytest.mark.parametrize(
    ("name", "files", "odd"),
    [
        ("ckplus", {**fake.ckplus_folders(1), "CK+48/anger/odd.png": b"x"}, "CK+48/anger/odd.png"),
        ("rafdb", {**fake.rafdb_folders(1), "DATASET/train/1.png": b"x"}, "DATASET/train/1.png"),
        ("folder", {**fake.class_folders(), "1.gif": b"x"}, "1.gif"),
    ],
)
def test_images_that_look_like_samples_and_cannot_be_are_refused(name, files, odd, tmp_path):
    root = fake.write_folder(files, tmp_path)
    with pytest.raises(InputError) as caught:
        build(name, root)
    assert odd in str(caught.value)
    assert len(build(name, root, ignore=[odd])) == len([1 for file in files if not file.endswith(".csv")]) - 1


def test_the_first_image_is_neutral_however_many_are_taken_from_the_end(tmp_path):
    tree = build("ckplus", fake.write_folder(fake.ckplus_tree(1), tmp_path), last_frames=9, first_frame_neutral=True)
    frames = [
        (name[-5], tree.classes[label]) for name, label in zip(tree.table["source"], tree.table["label"], strict=True)
    ]
    assert frames[:5] == [("1", "neutral"), *((str(frame), "anger") for frame in (2, 3, 4, 5))]
    assert len(frames) == 7 * 5


def test_a_tree_with_missing_images_says_so(tmp_path):
    files = {name: content for name, content in fake.ckplus_tree(1).items() if not name.endswith(("01.png", "05.png"))}
    notes = build("ckplus", fake.write_folder(files, tmp_path), first_frame_neutral=True).notes
    assert any("7 sequences lack the image that was labelled" in note for note in notes)
    assert any("7 sequences do not begin with image 1" in note for note in notes)


def test_images_of_rafdb_may_lie_in_a_second_folder(tmp_path):
    files = fake.rafdb_official(1)
    nested = {name.replace("Image/aligned/", "Image/aligned/aligned/"): content for name, content in files.items()}
    assert len(build("rafdb", fake.write_folder(nested, tmp_path))) == 14


def test_a_list_that_lacks_images_does_not_agree(tmp_path):
    files = {**fake.rafdb_folders(1), "train_labels.csv": b"image,label\nlost.jpg,1\ntrain_00001_aligned.jpg,1\n"}
    notes = build("rafdb", fake.write_folder(files, tmp_path)).notes
    assert "train_labels.csv lists 1 images that do not exist and lacks 6 that do." in notes


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_csv_divided_by_other_marks(mark, tmp_path):
    files = fake.listed_images()
    files["list.csv"] = b"\xef\xbb\xbf" + files["list.csv"].replace(b",", mark.encode()) + mark.encode() * 4 + b"\n"
    dataset = build("folder", fake.write_folder(files, tmp_path), image_column="file", label_column="emotion")
    assert len(dataset) == 12


@pytest.mark.parametrize("given", ["1.png", "faces/1.png", "C:\\mine\\faces\\1.png", "./x/../faces/1.png"])
def test_a_csv_may_name_an_image_by_its_end(given, tmp_path):
    files = {"faces/1.png": fake.picture(1), "list.csv": fake.table("image,label", [(given, "sad")])}
    dataset = build("folder", fake.write_folder(files, tmp_path))
    assert dataset.table["source"] == ["faces/1.png"]


def test_a_csv_beside_class_folders_is_mentioned(tmp_path):
    files = {**fake.class_folders(), "list.csv": b"image,label\nAngry/0.png,sad\n"}
    assert any(
        "list.csv lies there and was not read" in note
        for note in build("folder", fake.write_folder(files, tmp_path)).notes
    )


def test_names_that_are_no_utf8_can_be_recorded(tmp_path):
    root = fake.write_folder(fake.class_folders(), tmp_path / "it")
    try:
        (root / "joy" / "0.png").rename(os.fsdecode(os.fsencode(root / "joy") + b"/\xff.png"))
    except OSError:
        pytest.skip("this file system has only names of UTF-8")
    dataset = build("folder", root)
    "\n".join(dataset.table["source"]).encode()
    assert len(load(dataset).table) == 12


def test_a_zip_of_many_files_is_opened_once(tmp_path, monkeypatch):
    path = fake.write_zip(fake.ckplus_tree(3), tmp_path / "x.zip")
    opened = []
    monkeypatch.setattr(ZipFiles, "_archive", lambda self, real=ZipFiles._archive: opened.append(1) or real(self))
    build("ckplus", path)
    assert len(opened) <= 3
