"""Malformed copies of the datasets: each gets one line that names the thing and tells how to mend it.

As a script, ``python plugins/face_datasets/test_malformed_roots.py`` prints them all.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from support import fake_datasets as fake

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError


def renamed(files, old, new):
    return {name.replace(old, new): content for name, content in files.items()}


def without(files, part):
    return {name: content for name, content in files.items() if part not in name}


def changed(files, name, content):
    return {**files, name: content}


def first(files, ending):
    return next(name for name in files if name.endswith(ending))


def cut(files, ending):
    name = first(files, ending)
    return changed(files, name, files[name][: len(files[name]) // 2])


VOTES = fake.ferplus()["fer2013new.csv"]
LIST = fake.rafdb_official()["basic/EmoLabel/list_patition_label.txt"]

# What it is -> dataset, files, options, what the message must say (the thing, the remedy).
CASES = {
    "an empty folder": ("jaffe", {}, {}, ("the folder is empty", "give the file or folder")),
    "another dataset": (
        "jaffe",
        fake.ferg(),
        {},
        ("nothing of jaffe found", "it looks like FERG-DB: give --data ferg", "KA.AN1.39.tiff"),
    ),
    "JAFFE still packed": (
        "jaffe",
        {"jaffedbase.tar.gz": b"x"},
        {},
        ("it looks like a copy that is still packed", "unpack jaffedbase.tar.gz and give its folder"),
    ),
    "JAFFE in two formats": (
        "jaffe",
        {**fake.jaffe(), "KA.AN1.1.png": fake.picture(0)},
        {},
        ("holds an image twice, as KA.AN1.1.png and as KA.AN1.1.tiff", """--data.ignore '["KA.AN1.1.tiff"]'"""),
    ),
    "JAFFE, half of it": (
        "jaffe",
        fake.jaffe(),
        {"check": "error"},
        ("not the complete JAFFE", "--data.check warn|off"),
    ),
    "JAFFE, a truncated image": ("jaffe", cut(fake.jaffe("png"), ".png"), {}, ("KA.AN1.1.png", "truncated", "skip")),
    "JAFFE, an empty file": (
        "jaffe",
        changed(fake.jaffe(), "KA.AN1.1.tiff", b""),
        {},
        ("KA.AN1.1.tiff", "the file is empty", "skip"),
    ),
    "JAFFE, text as an image": (
        "jaffe",
        changed(fake.jaffe(), "KA.AN1.1.tiff", b"hi"),
        {},
        ("the file is not an image",),
    ),
    "two copies of CK+ that differ": (
        "ckplus",
        {**fake.ckplus_folders(1), **renamed(fake.ckplus_folders(1, frames=2), "CK+48", "copy")},
        {},
        ("the folders 'CK+48', 'copy' hold class folders and name no split", """--data.ignore '["copy"]'"""),
    ),
    "CK+ with an unknown class": (
        "ckplus",
        renamed(fake.ckplus_folders(1), "/contempt/", "/bored/"),
        {},
        ("the class folder 'bored' is unknown", "--data.names", "--data.ignore"),
    ),
    "CK+ tree without Emotion": (
        "ckplus",
        without(fake.ckplus_tree(1), "Emotion/"),
        {},
        ("holds cohn-kanade-images but no Emotion", "put the release's Emotion folder beside it"),
    ),
    "CK+ tree without a labelled sequence's images": (
        "ckplus",
        without(fake.ckplus_tree(1), "cohn-kanade-images/S001/003"),
        {},
        ("sequence S001_003 has no image", "unpack it again"),
    ),
    "CK+ tree with a code that is none": (
        "ckplus",
        changed(fake.ckplus_tree(1), "Emotion/S001/001/S001_001_00000005_emotion.txt", b"9.0e+00"),
        {},
        ("holds '9.0e+00', a code from 0 to 7 is needed", "fetch it again"),
    ),
    "two copies of CK+'s images in one tree": (
        "ckplus",
        {**fake.ckplus_tree(1), **renamed(without(fake.ckplus_tree(1), "Emotion/"), "cohn-kanade", "cropped")},
        {},
        ("holds S001_001_00000001 twice", """--data.ignore '["cropped-images"]'"""),
    ),
    "a CK+ image in two classes": (
        "ckplus",
        {**fake.ckplus_folders(1), "CK+48/happy/S001_001_00000010.png": fake.picture(1)},
        {},
        ("twice, as CK+48/anger/S001_001_00000010.png and as CK+48/happy", "leave one of the two out"),
    ),
    "CK+ csv with a code that is none": (
        "ckplus",
        {"ckextended.csv": b"emotion,pixels,Usage\n8," + b" ".join([b"0"] * 2304) + b",Training\n"},
        {},
        ("the label is '8'", "mend or remove the row"),
    ),
    "CK+ csv beside class folders": (
        "ckplus",
        {**fake.ckplus_csv(1), **fake.ckplus_folders(1)},
        {},
        ("holds class folders and ckextended.csv", """--data.ignore '["ckextended.csv"]'"""),
    ),
    "CK+ csv with options of the tree": (
        "ckplus",
        fake.ckplus_csv(1),
        {"last_frames": 3},
        ("--data.last_frames", "leave them out"),
    ),
    "RAF-DB with its images packed": (
        "rafdb",
        {"EmoLabel/list_patition_label.txt": LIST, "Image/aligned.zip": b"x"},
        {},
        ("no image of Image/aligned", "unpack Image/aligned.zip"),
    ),
    "RAF-DB list with a broken line": (
        "rafdb",
        changed(fake.rafdb_official(), "basic/EmoLabel/list_patition_label.txt", LIST + b"\ntrain_00001"),
        {},
        ("line 43 is 'train_00001'", "must be like 'train_00001.jpg 5'"),
    ),
    "RAF-DB list with an image twice": (
        "rafdb",
        changed(fake.rafdb_official(), "basic/EmoLabel/list_patition_label.txt", LIST + b"\ntrain_00001.jpg 2"),
        {},
        ("train_00001_aligned.jpg: is listed 2 times", "list it once"),
    ),
    "RAF-DB with missing images": (
        "rafdb",
        without(fake.rafdb_official(), "aligned/train_0000"),
        {},
        ("9 of its images are not in Image/aligned", "unpack the images again"),
    ),
    "RAF-DB with a class 0": (
        "rafdb",
        renamed(fake.rafdb_folders(lists=False), "/7/", "/0/"),
        {},
        ("the class '0' is none of RAF-DB's, which are 1 surprise to 7 neutral", "--data.names '[surprise, fear"),
    ),
    "RAF-DB whose list contradicts the folders": (
        "rafdb",
        changed(fake.rafdb_folders(), "train_labels.csv", b"image,label\ntrain_00001_aligned.jpg,2\n"),
        {},
        ("row 1 says fear", "the folder of surprise", "fetch the copy again"),
    ),
    "FERG with a class that it does not have": (
        "ferg",
        renamed(fake.ferg(), "jules_joy/", "jules_bored/"),
        {},
        ("'jules_bored' names no expression", "--data.ignore"),
    ),
    "AffectNet without an image": (
        "affectnet",
        without(fake.affectnet_npy(), "train_set/images/3.jpg"),
        {},
        ("its image images/3.jpg is missing", "--data.on_bad_image skip"),
    ),
    "AffectNet lists without images": (
        "affectnet",
        without(fake.affectnet_csv(), "/0/"),
        {},
        ("is not among the images", "put them beside the lists"),
    ),
    "AffectNet lists with two trees of images": (
        "affectnet",
        {**fake.affectnet_csv(), **renamed(without(fake.affectnet_csv(), ".csv"), "Manually_A", "Aligned_a")},
        {},
        ("row 1 could mean", "Aligned_annotated_Images/0/training0.jpg", "leave one of the two out with --data.ignore"),
    ),
    "AffectNet with a broken annotation": (
        "affectnet",
        changed(fake.affectnet_npy(), "train_set/annotations/3_exp.npy", b"no npy"),
        {},
        ("3_exp.npy: is not a readable npy of one value", "fetch it again"),
    ),
    "AffectNet list without its columns": (
        "affectnet",
        changed(fake.affectnet_csv(), "Manually_annotated_file_lists/training.csv", b"path,emotion\na.jpg,1\n"),
        {},
        ("has no column 'subDirectory_filePath'; its columns: path, emotion; give the table that has it",),
    ),
    "FER+ without the votes": (
        "ferplus",
        without(fake.ferplus(), "fer2013new"),
        {},
        ("no fer2013new.csv lies there", "give --data.labels"),
    ),
    "FER+ with images by class": (
        "ferplus",
        {"train/happy/Training_1.png": fake.picture(1), "test/sad/PublicTest_1.png": fake.picture(2)},
        {},
        ("the order of its rows", "is lost", "give fer2013.csv"),
    ),
    "FER+ with too few votes": (
        "ferplus",
        changed(fake.ferplus(), "fer2013new.csv", b"\n".join(VOTES.split(b"\n")[:20])),
        {},
        ("has 19 rows for 81 images", "do not belong together"),
    ),
    "images beside class folders": (
        "folder",
        {**fake.class_folders(), "lost.png": fake.picture(1)},
        {},
        ("lost.png: lies in no class folder", """--data.ignore '["lost.png"]'"""),
    ),
    "classes at two depths": (
        "folder",
        {**fake.class_folders(), **{f"train/{name}": c for name, c in fake.class_folders().items()}},
        {},
        ("do not lie alike", "sort all images as", """--data.ignore '["Angry", "Sadness", "joy"]'"""),
    ),
    "labels that nobody knows": (
        "folder",
        fake.class_folders(("happy", "bored", "tired")),
        {},
        ("'bored' (4), 'tired' (4)", "--data.on_unknown_label drop|keep"),
    ),
    "a csv without the column": (
        "folder",
        fake.listed_images(),
        {"label_column": "feeling"},
        ("has no column 'feeling'; its columns: file, emotion, part, person, video",),
    ),
    "a csv that lists an image twice": (
        "folder",
        {"a.png": fake.picture(1), "list.csv": b"image,label\na.png,sad\n./a.png,happy\n"},
        {},
        ("rows 1 and 2 name the same image", "remove one of them"),
    ),
    "a csv that lists an image of another folder": (
        "folder",
        {"test/1.png": fake.picture(1), "list.csv": b"image,label\ntrain/1.png,sad\n"},
        {},
        ("train/1.png", "there is no such file", "skip"),
    ),
    "a csv that lists images elsewhere": (
        "folder",
        {"list.csv": b"image,label\n../x/1.png,sad\n"},
        {},
        ("'../x/1.png' lies outside of", "give a folder that holds both as --data.root"),
    ),
    "a csv with an empty label": (
        "folder",
        {"a.png": fake.picture(1), "list.csv": b"image,label\na.png,\n"},
        {"on_unknown_label": "keep"},
        ("1 images have no label", "fill them in"),
    ),
    "two lists": (
        "folder",
        {"a.png": fake.picture(1), "b.csv": b"image,label\na.png,sad\n", "c.csv": b"image,label\na.png,sad\n"},
        {},
        ("holds 2 lists of images (b.csv, c.csv)", "b.csv names no split; give one with --data.csv b.csv"),
    ),
    "a csv with a short row": (
        "folder",
        {"a.png": fake.picture(1), "list.csv": b"image,label\na.png\n"},
        {},
        ("row 1 has 1 fields, the header has 2", "mend or remove the row"),
    ),
    "a csv that lists what does not exist": (
        "folder",
        {"a.png": fake.picture(1), "list.csv": b"image,label\nb.png,sad\n"},
        {},
        ("b.png", "there is no such file", "skip"),
    ),
}
# Copies that are no folder of files at all.
SPECIAL = {
    "nothing given": ("rafdb", None, ("no data given", "give --data.root")),
    "a path that does not exist": ("ferg", "nowhere", ("does not exist", "give --data.root")),
    "a file that is not a zip": ("jaffe", "notes.txt", ("is neither a folder nor a zip or tar",)),
    "a zip that is cut off": ("jaffe", "cut.zip", ("the zip is damaged or incomplete", "fetch it again")),
    "a zip that points outside": ("jaffe", "outside.zip", ("points outside the archive", "refused")),
}


def special_root(name, folder):
    if name is None:
        return None
    path = folder / name
    if name == "notes.txt":
        path.write_text("hello")
    elif name == "cut.zip":
        fake.write_zip(fake.jaffe(), path)
        path.write_bytes(path.read_bytes()[:-30])
    elif name == "outside.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../KA.AN1.1.tiff", b"x")
    return path


def message_of(dataset, root, options):
    """The line with which a root is refused, on construction or when everything is read."""
    if dataset not in ("folder", "affectnet"):
        options = {"check": "off", **options}
    try:
        built = registry.build("dataset", dataset, root=root, **options)
        for row in range(len(built.table["label"])):
            built[row]
    except InputError as error:
        return str(error)
    return "accepted"


@pytest.mark.parametrize(
    ("case", "packed"), [(case, packed) for case in CASES for packed in (False, True) if CASES[case][1] or not packed]
)
def test_a_malformed_copy_gets_one_line_that_tells_how_to_mend_it(case, packed, tmp_path):
    dataset, files, options, parts = CASES[case]
    (tmp_path / "data").mkdir()
    root = fake.write_zip(files, tmp_path / "data.zip") if packed else fake.write_folder(files, tmp_path / "data")
    message = message_of(dataset, root, options)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("case", SPECIAL)
def test_what_is_no_copy_at_all(case, tmp_path):
    dataset, name, parts = SPECIAL[case]
    message = message_of(dataset, special_root(name, tmp_path), {})
    assert "\n" not in message
    for part in parts:
        assert part in message


if __name__ == "__main__":
    for title, (dataset, files, options, _) in CASES.items():
        with tempfile.TemporaryDirectory() as home:
            said = message_of(dataset, fake.write_folder(files, Path(home)), options)
        sys.stdout.write(f"{title}:\n    {said.replace(home, 'ROOT')}\n")
    for title, (dataset, name, _) in SPECIAL.items():
        with tempfile.TemporaryDirectory() as home:
            said = message_of(dataset, special_root(name, Path(home)), {})
        sys.stdout.write(f"{title}:\n    {said.replace(home, 'ROOT')}\n")
