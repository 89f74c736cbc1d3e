"""What the readers of tables and arrays refuse: the message, its remedy followed, and what comes of it."""

from __future__ import annotations

import json
import shlex
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from fer_face_datasets.fer2013 import CLASSES
from support import fake_fer2013 as fake

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


FACES = fake.make_faces(each=1)
FULL = fake.csv_text(FACES).decode()
PLAIN = {"check": "off"}
Given = tuple[str, Path, Mapping[str, Any]]  # dataset, root, options


class Case(NamedTuple):
    given: Callable[[Path], Given]
    says: tuple[str, ...]  # the message, the remedy's words among them
    follow: Callable[[Path, str], Given]  # does what the message says
    images: int  # that are read then


def csv(text, name="fer2013.csv", dataset="fer2013", options=PLAIN):
    def write(at):
        (at / name).write_text(text)
        return dataset, at / name, options

    return write


def rewritten(change, **kept):
    """The remedy is a change of the csv."""

    def follow(at, message):
        return csv(change(next(at.glob("*.csv")).read_text()), **kept)(at)

    return follow


def with_options(dataset="fer2013", **options):
    return lambda at, message: (dataset, at / "fer2013.csv", options)


def codes(*names):
    return list(names)


def change_row(row, field, value):
    lines = FULL.split("\n")
    fields = lines[row].split(",")
    fields[field] = value
    lines[row] = ",".join(fields)
    return "\n".join(lines)


def without_row(row):
    return lambda text: "\n".join(line for number, line in enumerate(text.split("\n")) if number != row)


def two_files(at):
    for name in ("x.csv", "y.csv"):
        (at / name).write_text(FULL)
    return "fer2013", at, PLAIN


def two_in_a_zip(at):
    with zipfile.ZipFile(at / "two.zip", "w") as archive:
        for name in ("x.csv", "y.csv"):
            archive.writestr(name, FULL)
    return "fer2013", at / "two.zip", PLAIN


def left_out(dataset, root):
    """Follow the remedy that is printed: --data.ignore with the names that it gives."""

    def follow(at, message):
        names = json.loads(shlex.split(message.partition("--data.ignore ")[2])[0])
        return dataset, at / root, {**PLAIN, "ignore": names}

    return follow


def two_of_ckplus(at):
    for name in ("ckextended.csv", "ck.csv"):
        (at / name).write_text(FULL)
    return "ckplus", at, PLAIN


def arrays(**given):
    def write(at):
        np.savez(at / "faces.npz", **given)
        return "fer2013", at / "faces.npz", PLAIN

    return write


def rewritten_arrays(**given):
    return lambda at, message: arrays(**given)(at)


IMAGES = np.stack([face.pixels for face in FACES])
LABELS = np.array([face.code for face in FACES])
PAIRS = [(face.code, " ".join(map(str, face.pixels.ravel()))) for face in FACES]
ROWS = {"pixels": [text for _, text in PAIRS], "label": LABELS.tolist()}


def parquet(names, **columns):
    def write(at):
        for name in names:
            pq.write_table(pa.table(columns or ROWS), at / name)
        return "fer2013", at, PLAIN

    return write


def image_list(at):
    (at / "list.csv").write_text("image,label\na.png,happy\nb.png,sad\n")
    for name in ("a.png", "b.png"):
        (at / name).write_bytes(fake.encode(FACES[0].pixels))
    return "fer2013", at / "list.csv", PLAIN


NO_FEAR = FULL.replace("\n2,", "\n7,")  # contempt instead
CASES = {
    "a label in one row": Case(
        csv(change_row(3, 0, "9")),
        ("row 3 (line 4): the label is '9'", "a code in 0..6", "mend or remove the row"),
        rewritten(without_row(3)),
        20,
    ),
    "a class that FER-2013 has not": Case(
        csv(NO_FEAR),
        ("in 3 of 21 rows: '7' (3)", "--data folder", "--data.codes"),
        with_options(
            "folder", codes=codes("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
        ),
        21,
    ),
    "words of another language": Case(
        csv(FULL.replace("\n0,", "\nenojado,").replace("\n1,", "\nasco,")),
        ("in 6 of 21 rows: ", "'asco' (3)", "--data.on_unknown_label keep where the labels are words"),
        with_options("folder", on_unknown_label="keep"),
        21,
    ),
    "a split in one row": Case(
        csv(change_row(4, 2, "Other")),
        ("row 4 (line 5): Usage is 'Other'", "Training, PublicTest, PrivateTest", "mend or remove the row"),
        rewritten(without_row(4)),
        20,
    ),
    "a column called Usage that holds no splits": Case(
        csv(FULL.replace("Training", "web").replace("PublicTest", "film").replace("PrivateTest", "film")),
        ("Usage is none that is known in 21 of 21 rows", "rename the column where it is none of splits"),
        rewritten(lambda text: text.replace("Usage", "origin", 1)),
        21,
    ),
    "two columns that could be the labels": Case(
        csv("a,b,pixels\n" + "".join(f"{c},{6 - c},{p}\n" for c, p in PAIRS)),
        ("several columns could be the labels (columns: a, b, pixels)", "name the right one emotion"),
        rewritten(lambda text: text.replace("a,b,", "emotion,b,", 1)),
        21,
    ),
    "labels in a column of an unknown name": Case(
        csv("mood,place,pixels\n" + "".join(f"{CLASSES[c]}?,far,{p}\n" for c, p in PAIRS)),
        ("in a column of an unknown name (columns: mood, place, pixels)", "rename the column of labels to emotion"),
        rewritten(lambda text: text.replace("mood", "emotion", 1).replace("?", "")),
        21,
    ),
    "no labels": Case(
        csv("pixels\n" + "\n".join(ROWS["pixels"]), "test.csv"),
        ("holds images without labels (columns: pixels)", "give fer2013.csv"),
        lambda at, message: csv(FULL)(at),
        21,
    ),
    "a list of image files": Case(
        image_list,
        ("found: image, label", "--data folder reads with --data.csv"),
        lambda at, message: ("folder", at, {"csv": "list.csv"}),
        2,
    ),
    "other counts": Case(
        csv(FULL, options={}),
        ("not the complete FER2013: train anger", "--data.check warn|off"),
        with_options(check="warn"),
        21,
    ),
    "another size": Case(
        csv("emotion,pixels\n" + f"3,{' '.join(['9'] * 4096)}\n" * 3, options={}),
        ("is 64 x 64 pixels", "--data.check warn|off"),
        with_options(check="warn"),
        3,
    ),
    "bad pixels in a row": Case(
        csv(change_row(5, 1, "1 2 3")),
        ("row 5 (line 6): the row has 3 pixels", "--data.on_bad_image skip"),
        with_options(check="off", on_bad_image="skip"),
        20,
    ),
    "two files": Case(
        two_files,
        ("x.csv, y.csv", "give one of them as --data.root"),
        lambda at, message: ("fer2013", at / "y.csv", PLAIN),
        21,
    ),
    "two files in a zip": Case(two_in_a_zip, ("x.csv, y.csv", "--data.ignore"), left_out("fer2013", "two.zip"), 21),
    "two csv files of CK+": Case(
        two_of_ckplus,
        ("holds ck.csv and ckextended.csv", "--data.ignore"),
        left_out("ckplus", ""),
        21,
    ),
    "arrays without labels": Case(
        arrays(X=IMAGES),
        ("holds images without labels", "save the labels beside them, as y"),
        rewritten_arrays(X=IMAGES, y=LABELS),
        21,
    ),
    "several arrays of images": Case(
        arrays(a=IMAGES, b=IMAGES, y=LABELS),
        ("could be the images", "or save X and y alone"),
        rewritten_arrays(X=IMAGES, y=LABELS),
        21,
    ),
    "several arrays of labels": Case(
        arrays(X=IMAGES, a=LABELS, b=LABELS),
        ("could be the labels", "save X and y alone in one npz"),
        rewritten_arrays(X=IMAGES, y=LABELS),
        21,
    ),
    "one array names no split": Case(
        arrays(x_train=IMAGES, y_train=LABELS, X=IMAGES, y=LABELS),
        ("X names no split, others do", "rename or remove it"),
        rewritten_arrays(x_train=IMAGES, y_train=LABELS, x_val=IMAGES, y_val=LABELS),
        42,
    ),
    "standardised pixels": Case(
        arrays(X=IMAGES / 127.5 - 1, y=LABELS),
        ("reach from -1 to 1", "Save them before they are standardised"),
        rewritten_arrays(X=IMAGES, y=LABELS),
        21,
    ),
    "Python objects": Case(
        arrays(X=np.array([IMAGES, None], dtype=object), y=LABELS),
        ("holds Python objects", "save plain arrays of numbers and text with numpy.savez"),
        rewritten_arrays(X=IMAGES, y=LABELS),
        21,
    ),
    "a table without a column of labels": Case(
        parquet(["a.parquet"], pixels=ROWS["pixels"], mood=ROWS["label"]),
        ("has no column of labels by a known name (pixels string, mood int64)", "rename the column to label"),
        lambda at, message: parquet(["a.parquet"])(at),
        21,
    ),
    "one table names no split": Case(
        parquet(["train.parquet", "more.parquet"]),
        ("has no split beside rows that have one", "give --data.root one copy alone"),
        lambda at, message: ("fer2013", at / "train.parquet", PLAIN),
        21,
    ),
}  # fmt: skip


def read(given):
    dataset, root, options = given
    built = registry.build("dataset", dataset, root=root, **options)
    return len(built.table["label"])


@pytest.mark.parametrize("case", CASES)
def test_the_remedy_of_every_message_works(case, tmp_path):
    given, says, follow, images = CASES[case]
    with pytest.raises(InputError) as caught:
        read(given(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    for words in says:
        assert words in message, message
    assert read(follow(tmp_path, message)) == images
