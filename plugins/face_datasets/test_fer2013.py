"""FER2013 in every layout gives the same samples, and every fault is named in one line."""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
import pickle
import shutil
import tarfile
import zipfile
from collections import defaultdict

import numpy as np
import pytest
from fer_face_datasets.fer2013 import FER2013, OFFICIAL_COUNTS
from fer_image_files.archives.file_set import FolderFiles
from fer_image_files.decoding import UnreadableError, decode_image
from fer_image_files.tables.pixel_csv import read_pixel_csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from support import fake_fer2013 as fake

from fer_plugins.data.images import digest_of
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import find_fer2013

FACES = fake.make_faces()
SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
CLASSES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def summarise(dataset):
    """Everything that must not depend on the layout: pixels, class names and splits, in no order."""
    table = dataset.table
    return sorted(
        (dataset[row].tobytes(), dataset.classes[table["label"][row]], table["split"][row])
        for row in range(len(table["label"]))
    )


EXPECTED = sorted((face.pixels.tobytes(), CLASSES[face.code], SPLITS[face.usage]) for face in FACES)


def use_it(dataset):
    return [dataset[row] for row in range(len(dataset.table["label"]))]


def refuse(root, *words, use=True, **options):
    """Return the one-line message with which ``root`` is refused, on construction or (``use``) on the first use."""
    with pytest.raises(InputError) as caught:
        use_it(FER2013(root=root, **{"check": "off"} | options)) if use else FER2013(root=root, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


@pytest.fixture
def csv(tmp_path):
    """Return a function that writes bytes as a csv."""

    def write(text, name="fer2013.csv"):
        (tmp_path / name).write_bytes(text)
        return tmp_path / name

    return write


# --- layouts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", fake.LAYOUTS)
def test_every_layout_gives_the_same_samples_from_itself_from_the_folders_above_it_and_after_pickling(layout, tmp_path):
    root = fake.LAYOUTS[layout](tmp_path / "fer2013", FACES)
    dataset = FER2013(root=root, check="off")
    assert len(pickle.dumps(dataset)) < 20_000
    assert summarise(pickle.loads(pickle.dumps(dataset))) == EXPECTED
    assert dataset.title == "FER2013"
    assert tuple(dataset.classes) == CLASSES
    assert summarise(dataset) == EXPECTED
    table = SampleTable.from_columns(dataset.table, dataset.classes, layout)
    assert len(table) == len(dataset) == len(FACES)
    assert dataset[0].shape == (48, 48, 1)
    assert dataset[0].dtype == np.uint8
    with pytest.raises(IndexError):
        dataset[len(FACES)]
    assert summarise(pickle.loads(pickle.dumps(dataset))) == EXPECTED
    assert summarise(FER2013(root=root.parent, check="off")) == EXPECTED
    assert summarise(FER2013(root=tmp_path, check="off")) == EXPECTED  # and one folder deeper


def test_all_layouts_leave_nothing_behind_and_nothing_open(tmp_path, recwarn):
    (tmp_path / "tmp").mkdir()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for write in fake.LAYOUTS.values():
        root = write(tmp_path, FACES)
        listing = sorted(tmp_path.rglob("*"))
        dataset = FER2013(root=root, check="off")
        _ = dataset.cache_key, dataset.table
        assert sorted(tmp_path.rglob("*")) == listing
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]


def test_of_several_copies_the_first_in_the_documented_order_is_read_and_the_others_are_named(tmp_path):
    train_only = fake.csv_text(FACES, ("emotion", "pixels"))
    for name, text in {"train.csv": train_only, "test.csv": fake.csv_text(FACES, ("pixels",))}.items():
        (tmp_path / name).write_bytes(text)
    dataset = FER2013(root=tmp_path, check="off")
    assert set(dataset.table["split"]) == {"train"}
    assert "Also there and not read: test.csv." in dataset.notes
    fake.write_folder(tmp_path, fake.image_files(FACES))
    assert FER2013(root=tmp_path, check="off").notes[0].startswith("Read as class folders")
    fake.write_icml_layout(tmp_path, FACES)
    dataset = FER2013(root=tmp_path, check="off")
    assert dataset.notes == [
        "Read as csv of pixels (icml_face_data.csv).",
        "Also there and not read: class folders, train.csv, test.csv.",
    ]
    fake.write_csv_layout(tmp_path, FACES)
    assert FER2013(root=tmp_path, check="off").table["source"][16] == "fer2013.csv:row 17"


def test_the_file_name_decides_the_split_and_the_folder_only_where_it_must(tmp_path):
    merged = fake.image_files(FACES, splits=("train", "train"))
    assert summarise(FER2013(root=fake.write_zip(tmp_path / "merged.zip", merged), check="off")) == EXPECTED
    plain = fake.write_zip(tmp_path / "plain.zip", fake.image_files(FACES, prefixes=False))
    dataset = FER2013(root=plain, check="off")
    assert [dataset.table["split"].count(split) for split in ("train", "val", "test")] == [14, 0, 28]
    assert any("cannot be told apart" in note for note in dataset.notes)


def test_train_csv_is_all_train_and_test_csv_is_refused_with_the_reason(csv):
    dataset = FER2013(root=csv(fake.csv_text(FACES, ("emotion", "pixels"), quote='"'), "train.csv"), check="off")
    assert set(dataset.table["split"]) == {"train"}
    assert any("No column Usage" in note for note in dataset.notes)
    root = csv(fake.csv_text(FACES, ("pixels",)), "test.csv")
    refuse(root, "test.csv", "without labels", "icml_face_data.csv", use=False)


def test_files_that_are_no_images_are_left_out_and_noted(tmp_path):
    files = fake.image_files(FACES) | {"train/angry/notes.txt": b"hello"}
    dataset = FER2013(root=fake.write_folder(tmp_path, files), check="off")
    assert len(dataset) == len(FACES)
    assert "1 files in the class folders are not images, the first train/angry/notes.txt." in dataset.notes


def test_colour_copies_of_grey_images_give_the_grey_pixels(tmp_path):
    files = {}
    for face in FACES:
        stream = io.BytesIO()
        Image.fromarray(face.pixels).convert("RGB").save(stream, "PNG")
        files[f"train/{fake.FOLDERS[face.code]}/{face.usage}_{face.number}.png"] = stream.getvalue()
    assert summarise(FER2013(root=fake.write_zip(tmp_path / "rgb.zip", files), check="off")) == EXPECTED


# --- cache key -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", fake.LAYOUTS)
def test_the_cache_key_changes_with_content_and_with_every_option_and_with_nothing_else(layout, tmp_path):
    root = fake.LAYOUTS[layout](tmp_path, FACES)
    keys = {
        FER2013(root=root, check=check, on_bad_image=bad).cache_key
        for check in ("error", "warn", "off")
        for bad in ("error", "skip")
    }
    assert len(keys) == 6
    dataset = FER2013(root=root, check="off")
    key = dataset.cache_key
    _ = dataset.table
    assert dataset.cache_key == FER2013(root=str(root), check="off").cache_key == key
    changed = [face._replace(pixels=face.pixels[::-1]) if face.number == 3 else face for face in FACES]
    fake.LAYOUTS[layout](tmp_path, changed)
    assert FER2013(root=root, check="off").cache_key != key


def test_the_cache_key_of_a_folder_sees_sizes_times_and_names(tmp_path):
    root = fake.write_folder_layout(tmp_path, FACES)
    keys = {FER2013(root=root).cache_key}
    file = next((root / "train" / "angry").iterdir())
    os.utime(file, ns=(1, 1))
    keys.add(FER2013(root=root).cache_key)
    file = file.rename(file.with_name("Training_999.png"))
    keys.add(FER2013(root=root).cache_key)
    file.unlink()
    keys.add(FER2013(root=root).cache_key)
    assert len(keys) == 4


# --- counts ----------------------------------------------------------------------------------------------------


def test_the_official_table_has_the_official_sums():
    assert OFFICIAL_COUNTS.sum(axis=1).tolist() == [28_709, 3_589, 3_589]
    assert OFFICIAL_COUNTS.sum() == 35_887
    assert OFFICIAL_COUNTS.sum(axis=0).tolist() == [4_953, 547, 5_121, 8_989, 6_077, 4_002, 6_198]


def test_other_counts_are_an_error_that_names_the_first_of_them(csv):
    message = refuse(csv(fake.csv_text(FACES)), "fer2013.csv", "train anger 2 instead of 3,995", check="error")
    assert message.endswith("give the complete release, or continue with --data.check warn|off")


def test_other_counts_are_a_note_under_warn_and_nothing_under_off(csv):
    root = csv(fake.csv_text(FACES))
    loud, quiet = FER2013(root=root, check="warn"), FER2013(root=root, check="off")
    assert loud.table == quiet.table
    assert len(quiet.notes) == 1
    assert "train anger 2 instead of 3,995" in loud.notes[1]
    assert "test neutral 2 instead of 626" in loud.notes[1]


def _complete_csv(counts, columns):
    """A csv with the given counts whose images are all one grey: its size is what matters."""
    rows = [b",".join(column.encode() for column in columns)]
    pixels = b"7 " * 2303 + b"7"
    for usage, row in zip((b"Training", b"PublicTest", b"PrivateTest"), counts, strict=True):
        for code, number in enumerate(row):
            value = {"emotion": str(code).encode(), "pixels": pixels, "Usage": usage}
            rows += [b",".join(value[column] for column in columns)] * int(number)
    return b"\n".join(rows)


@pytest.mark.parametrize("columns", [("emotion", "pixels", "Usage"), ("emotion", "pixels")])
def test_a_complete_release_passes_the_check_and_one_row_less_does_not(csv, columns, monkeypatch):
    # A tenth of the release against a tenth of the official table; the real one is checked below where it is there.
    tenth = OFFICIAL_COUNTS // 10
    monkeypatch.setattr("fer_face_datasets.fer2013.OFFICIAL_COUNTS", tenth.copy())
    if "Usage" not in columns:
        tenth[1:] = 0
    complete = FER2013(root=csv(_complete_csv(tenth, columns)))
    assert len(complete) == tenth.sum()
    with pytest.raises(InputError, match="not the complete FER2013"):
        _ = FER2013(root=csv(_complete_csv(tenth, columns).rsplit(b"\n", 1)[0])).table


def test_a_folder_without_prefixes_is_checked_against_validation_and_test_together(tmp_path, monkeypatch):
    monkeypatch.setattr("fer_face_datasets.fer2013.OFFICIAL_COUNTS", np.full((3, 7), 2))
    root = fake.write_zip(tmp_path / "plain.zip", fake.image_files(FACES, prefixes=False))
    assert len(FER2013(root=root)) == len(FACES)


def test_what_was_left_out_counts_as_there(csv, monkeypatch):
    monkeypatch.setattr("fer_face_datasets.fer2013.OFFICIAL_COUNTS", np.full((3, 7), 2))
    root = csv(fake.csv_text(FACES).replace(b" ", b" x", 1))
    assert len(FER2013(root=root, on_bad_image="skip")) == len(FACES) - 1


# --- bad input: roots and layouts ------------------------------------------------------------------------------


@pytest.mark.parametrize("root", [None, ""])
def test_a_missing_root_is_refused(root):
    refuse(root, "--data.root", use=False)


def test_a_wrong_option_is_refused(tmp_path):
    root = fake.write_csv_layout(tmp_path, FACES)
    refuse(root, "check", "'never'", "--data.check error, warn or off", check="never")
    refuse(root, "on_bad_image", "'keep'", "error or skip", on_bad_image="keep")


def test_a_root_that_holds_nothing_of_it_is_refused_on_construction(tmp_path):
    refuse(tmp_path / "none", "none", "does not exist", use=False)
    refuse(tmp_path, str(tmp_path), "empty", use=False)
    (tmp_path / "a" / "b" / "c" / "d" / "e").mkdir(parents=True)
    refuse(tmp_path, "no file lies in its first 24 levels", use=False)
    for name in ("a/readme.txt", "face.jpg", "train/face.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        message = refuse(tmp_path, "nothing of FER2013", "fer2013.csv", "train/<class>/*.jpg", use=False)
    refuse(tmp_path / "face.jpg", "face.jpg", "is not a csv, zip or tar", "fer2013.tar.gz", use=False)
    zipped = fake.write_zip(tmp_path / "other.zip", {"readme.txt": b"x"})
    assert refuse(zipped, "nothing of FER2013", use=False).endswith(message.split("; ")[-1])
    refuse(fake.write_zip(tmp_path / "void.zip", {}), "the zip is empty", use=False)
    refuse(fake.write_tar(tmp_path / "other.tar.gz", {"readme.txt": b"x"}), "no file that ends in .csv", use=False)


def test_a_home_folder_given_by_mistake_ends_in_a_message(tmp_path):
    for number in range(11):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(InputError, match="more than 10 files"):
        FolderFiles(tmp_path, limit=10)


def test_an_unknown_class_folder_is_named_with_the_known_ones(tmp_path):
    names = list(fake.FOLDERS)
    names[3] = "contempt"
    files = fake.image_files(FACES, folders=names)
    words = ("class folders that are unknown: 'contempt'", "/contempt/P", "has no contempt", "surprise")
    refuse(fake.write_zip(tmp_path / "a.zip", files), *words, use=False)
    names[3] = "3"  # codes are read where all are codes
    refuse(fake.write_folder(tmp_path / "b", fake.image_files(FACES, folders=names)), "unknown: '3'", use=False)


def test_what_is_ambiguous_is_refused(tmp_path):
    files = fake.image_files(FACES, top="a/") | fake.image_files(FACES[::-1][1:], top="b/", prefixes=False)
    refuse(fake.write_zip(tmp_path / "two.zip", files), "class folders in 'a' and in 'b'", use=False)
    assert len(FER2013(root=tmp_path / "two.zip" / "b", check="off")) == len(FACES) - 1
    assert len(FER2013(root=tmp_path / "two.zip", ignore=["b"], check="off")) == len(FACES)
    for name in ("x", "y"):
        fake.write_folder(tmp_path / "csvs", {f"{name}.csv": fake.csv_text(FACES)})
    refuse(tmp_path / "csvs", "x.csv, y.csv", "--data.root", use=False)


# --- bad input: archives ---------------------------------------------------------------------------------------

OUTSIDE = ["/etc/x.png", "../x.png", "train/../../x.png", "C:\\x.png", "..\\x.png", "\\x.png"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_zip_that_points_outside_itself_is_refused_whole(name, tmp_path):
    root = fake.write_zip(tmp_path / "bad.zip", fake.image_files(FACES) | {name: b"x"})
    refuse(root, "bad.zip", repr(name), "outside the archive", use=False, on_bad_image="skip")


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("first", [True, False])
def test_a_tar_that_points_outside_itself_is_refused_whole(name, first, tmp_path):
    files = {"fer2013/fer2013.csv": fake.csv_text(FACES)}
    files = {name: b"x", **files} if first else {**files, name: b"x"}
    root = fake.write_tar(tmp_path / "bad.tar.gz", files)
    refuse(root, "bad.tar.gz", repr(name), "outside the archive", use=not first, on_bad_image="skip")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_tar_with_a_link_is_refused(kind, tmp_path):
    root = fake.write_tar_layout(tmp_path, FACES).rename(tmp_path / "plain.tar.gz")
    with tarfile.open(root) as plain, tarfile.open(tmp_path / "link.tar.gz", "w:gz") as linked:
        for member in plain:
            linked.addfile(member, plain.extractfile(member))
        link = tarfile.TarInfo("fer2013/link")
        link.type, link.linkname = kind, "/etc/passwd"
        linked.addfile(link)
    refuse(tmp_path / "link.tar.gz", "link.tar.gz", "fer2013/link", "refused")


def test_a_tar_with_two_csv_files_is_refused(tmp_path):
    files = {"fer2013.csv": fake.csv_text(FACES), "train.csv": fake.csv_text(FACES)}
    refuse(fake.write_tar(tmp_path / "two.tar", files, "w"), "both 'fer2013.csv' and 'train.csv'")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("layout", ["zip", "nested_deflated_zip", "zipped_icml", "tar"])
def test_an_archive_that_was_cut_off_is_refused(layout, kept, tmp_path):
    root = fake.LAYOUTS[layout](tmp_path, FACES)
    root.write_bytes(root.read_bytes()[: int(kept * root.stat().st_size)])
    refuse(root, root.name, "damaged or incomplete", on_bad_image="skip")


def test_altered_bytes_in_an_archive_are_found_by_its_checksums(tmp_path):
    for layout, words in (("zip", "Bad CRC-32"), ("zipped_icml", "icml_face_data.csv: the file is damaged")):
        root = fake.LAYOUTS[layout](tmp_path, FACES)
        data = bytearray(root.read_bytes())
        data[len(data) * 3 // 4] ^= 0xFF
        root.write_bytes(data)
        # A damaged csv may hold bad rows too; left out, the checksum still speaks.
        refuse(root, root.name, words, on_bad_image="error" if layout == "zip" else "skip")
    root = fake.write_tar_layout(tmp_path, FACES)
    data = bytearray(root.read_bytes())
    data[-8] ^= 0xFF  # the gzip's checksum itself
    root.write_bytes(data)
    refuse(root, "fer2013.tar.gz", "damaged", "CRC")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255), st.sampled_from(["zip", "zipped_icml", "tar", "csv"]))
def test_one_altered_byte_anywhere_ends_in_a_message_or_in_samples(tmp_path, place, change, layout):
    root = fake.LAYOUTS[layout](tmp_path, FACES[:3])
    data = bytearray(root.read_bytes())
    data[int(place * len(data))] ^= change
    root.write_bytes(data)
    try:
        dataset = FER2013(root=root, check="off", on_bad_image="skip")
        images = [dataset[row] for row in range(len(dataset))]
    except InputError as error:
        lines, images = str(error).splitlines(), FACES[:1]
    else:
        lines = dataset.notes[:1]
    assert len(lines) == 1
    assert 1 <= len(images) <= 3


def test_an_encrypted_zip_is_refused(tmp_path):
    root = fake.write_zip_layout(tmp_path, FACES)
    data = root.read_bytes()
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # general purpose flags: bit 0, encrypted
        place = data.index(signature) + offset
        data = data[:place] + bytes([data[place] | 1]) + data[place + 1 :]
    root.write_bytes(data)
    refuse(root, "fer2013.zip", "encrypted", "password", use=False)


def test_a_zip_with_a_name_twice_is_refused(tmp_path):
    root = fake.write_zip_layout(tmp_path, FACES)
    with zipfile.ZipFile(root, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(archive.namelist()[0], b"x")
    refuse(root, "2 times", use=False)


# --- bad input: images -----------------------------------------------------------------------------------------

JPEG, PNG = fake.encode(FACES[0].pixels, "jpg"), fake.encode(FACES[0].pixels, "png")
DEEP = io.BytesIO()
Image.fromarray(np.zeros((48, 48), np.float32)).save(DEEP, "TIFF")
BAD_IMAGES = {
    "empty.jpg": (b"", "the file is empty"),
    "text.jpg": (b"no picture at all", "is not an image"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "truncated"),
    "end.jpg": (JPEG[:-2], "truncated"),
    "cut.png": (PNG[: len(PNG) // 2], "truncated"),
    "deep.tif": (DEEP.getvalue(), "mode F"),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("file", BAD_IMAGES)
def test_a_bad_image_is_named_or_left_out_and_counted(file, packed, tmp_path):
    content, words = BAD_IMAGES[file]
    files = fake.image_files(FACES) | {f"train/happy/Training_{file}": content}
    root = fake.write_zip(tmp_path / "a.zip", files) if packed else fake.write_folder(tmp_path / "a", files)
    refuse(root, f"train/happy/Training_{file}", words, "--data.on_bad_image skip")
    dataset = FER2013(root=root, check="off", on_bad_image="skip")
    assert summarise(dataset) == EXPECTED
    assert dataset.notes[-1].startswith(("1 bad images were left out", "1 bad rows were left out"))
    assert file in dataset.notes[-1]


@pytest.mark.parametrize("tolerant", [False, True])
@pytest.mark.parametrize("data", [JPEG, PNG], ids=["jpeg", "png"])
def test_no_cut_off_image_is_ever_taken_for_whole(data, tolerant, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)  # as another package may have set it
    whole = decode_image(data, "x", grey=True)
    last_that_must_fail = len(data) - (1 if data is JPEG else 8)  # of a PNG's last 8 bytes no pixel depends
    for length in range(0, last_that_must_fail, 3):
        with pytest.raises(UnreadableError):
            decode_image(data[:length], "x", grey=True)
    assert np.array_equal(decode_image(data + b"\0\0", "x", grey=True), whole)


def test_an_image_that_vanished_is_named(tmp_path):
    root = fake.write_folder_layout(tmp_path, FACES)
    dataset = FER2013(root=root, check="off")
    gone = next((root / "train" / "angry").iterdir())
    gone.unlink()
    with pytest.raises(InputError, match=gone.name):
        _ = dataset.table
    with pytest.raises(InputError, match=gone.name):
        _ = dataset.cache_key


def test_an_image_of_another_size_is_named_unless_the_check_is_loosened(tmp_path):
    files = fake.image_files(FACES) | {"train/happy/Training_big.png": fake.encode(np.zeros((96, 64), np.uint8))}
    root = fake.write_zip(tmp_path / "big.zip", files)
    refuse(root, "train/happy/Training_big.png is 64 x 96 pixels", "48 x 48", "--data.check", check="error")
    loud = FER2013(root=root, check="warn")
    shapes = {loud[row].shape for row in range(len(loud))}
    assert shapes == {(48, 48, 1), (96, 64, 1)}
    assert loud.notes[1].startswith("1 images are not 48 x 48")
    assert len(FER2013(root=root, check="off")) == len(FACES) + 1


def test_a_copy_of_bad_images_only_is_refused(tmp_path):
    root = fake.write_zip(tmp_path / "a.zip", {"train/happy/Training_1.jpg": b"x"})
    refuse(root, "none of its 1 samples can be read", "Training_1.jpg: the file is not an image", on_bad_image="skip")


# --- bad input: csv --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the csv is empty"),
        (b"\n", "the csv is empty"),
        (b"emotion,pixels,Usage\n", "no row"),
        (b"label,image\n1,2\n", "found: label, image"),
        (b"emotion,image\n1,2\n", "found: emotion, image"),
        (b"\x00\xff" * 100_000, "no readable names"),
    ],
)
def test_a_csv_without_header_columns_or_rows_is_refused(csv, text, words):
    refuse(csv(text), "fer2013.csv", words)


def _edit(row, field, edit):
    """The fakes' csv, with ``edit`` done to one field of data row ``row`` (from 1)."""
    lines = fake.csv_text(FACES).split(b"\n")
    fields = lines[row].split(b",")
    fields[field] = edit(fields[field])
    lines[row] = b",".join(fields)
    return b"\n".join(lines)


BAD_PIXELS = {
    "short": (lambda text: text.rsplit(b" ", 1)[0], "has 2303 pixels, 2304 are needed"),
    "long": (lambda text: text + b" 7", "has 2305 pixels, 2304 are needed"),
    "none": (lambda text: b"", "has 0 pixels"),
    "letters": (lambda text: b"a7" + text[text.index(b" ") :], "pixel 1 is 'a7'"),
    "above": (lambda text: text.rsplit(b" ", 1)[0] + b" 256", "pixel 2304 is '256'"),
    "huge": (lambda text: text.rsplit(b" ", 1)[0] + b" 65536", "pixel 2304 is '65536'"),
    "negative": (lambda text: b"-" + text, "pixel 1 is '-"),
    "fraction": (lambda text: b"7.5" + text[text.index(b" ") :], "pixel 1 is '7.5'"),
    "comma": (lambda text: text.replace(b" ", b",", 1), "has 4 fields, the header has 3"),
    "not utf-8": (lambda text: b"\xff" + text, "pixel 1 is"),
}


@pytest.mark.parametrize(("fault", "row"), list(zip(BAD_PIXELS, itertools.cycle([1, 17, 42]), strict=False)))
def test_a_bad_pixel_row_is_named_or_left_out_and_counted(csv, fault, row):
    edit, words = BAD_PIXELS[fault]
    root = csv(_edit(row, 1, edit))
    refuse(root, f"fer2013.csv: row {row} (line {row + 1}): ", words, "--data.on_bad_image skip")
    dataset = FER2013(root=root, check="off", on_bad_image="skip")
    rows = [number for number in range(1, 43) if number != row]
    assert dataset.table["source"] == [f"fer2013.csv:row {number}" for number in rows]
    assert all(np.array_equal(dataset[at][..., 0], FACES[number - 1].pixels) for at, number in enumerate(rows))
    assert dataset.notes[-1].startswith(("1 bad images were left out", "1 bad rows were left out"))
    assert f"row {row}" in dataset.notes[-1]


def test_the_first_of_several_bad_rows_is_named(csv):
    lines = _edit(5, 1, lambda text: text[:-4]).split(b"\n")
    lines[9] = b"torn"
    refuse(csv(b"\n".join(lines)), "row 5 (line 6)")


@pytest.mark.parametrize("label", [b"7", b"-1", b"bored", b"", b"1.5", b"\xb2", b"1" * 5000])
@pytest.mark.parametrize("on_bad_image", ["error", "skip"])
def test_a_label_outside_0_to_6_is_always_an_error(csv, label, on_bad_image):
    root = csv(_edit(17, 0, lambda text: label))
    refuse(root, "row 17 (line 18)", "label", "0..6", on_bad_image=on_bad_image)


@pytest.mark.parametrize("usage", [b"Trainer", b"", b"3"])
def test_an_unknown_usage_is_always_an_error(csv, usage):
    root = csv(_edit(17, 2, lambda text: usage))
    refuse(root, "row 17", "Usage", "PublicTest", on_bad_image="skip")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("0125 x\t", max_size=16), min_size=1, max_size=5))
def test_rows_are_good_exactly_when_every_word_is_a_number_below_256_and_their_number_is_right(texts):
    def expected(text):
        words = text.split()
        good = len(words) == 4 and all(word.isdigit() and int(word) <= 255 for word in words)
        return [int(word) for word in words] if good else None

    stream = io.BytesIO("\n".join(["emotion,pixels", *(f"0,{text}" for text in texts)]).encode())
    rows = read_pixel_csv(stream, "x", "x", side=2, on_bad_row="skip")
    good = [expected(text) for text in texts if expected(text) is not None]
    assert rows.images.reshape(-1, 4).tolist() == good
    assert len(rows.bad) == len(texts) - len(good)


PAIRS = (("train", "val"), ("train", "test"), ("val", "test"))


# --- the real images -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    return FER2013(root=find_fer2013())


@pytest.mark.real_data
def test_the_real_release_has_the_official_counts(real):
    table = SampleTable.from_columns(real.table, real.classes, "fer2013")
    assert len(table) == 35_887
    for split, counts in zip(("train", "val", "test"), OFFICIAL_COUNTS, strict=True):
        assert np.bincount(table.label[table.split == split], minlength=7).tolist() == counts.tolist()
    assert real.notes[0].startswith("Read as csv of pixels")
    assert {real[row].shape for row in range(0, 35_887, 97)} == {(48, 48, 1)}


OTHER_LAYOUTS = ("csv", "icml", "tar", "zip", "folder")


@pytest.fixture(scope="module")
def real_copies(real, tmp_path_factory):
    """Return {layout: path} of copies made of the official release."""
    at = tmp_path_factory.mktemp("copies")
    archive = find_fer2013()
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as packed:
            text = packed.extractfile("fer2013/fer2013.csv").read()
    else:
        text = archive.read_bytes()
    (at / "fer2013.csv").write_bytes(text)
    with (at / "icml_face_data.csv").open("wb") as icml:
        for line in text.splitlines():
            label, pixels, usage = line.split(b",")
            icml.write(b"%s, %s, %s\r\n" % (label, usage, pixels))
    fake.write_tar(at / "plain.tar", {"fer2013/README": b"read me", "fer2013/fer2013.csv": text}, "w")
    usages = {split: usage for usage, split in SPLITS.items()}
    rows = zip(real.table["label"], real.table["split"], strict=True)
    faces = (fake.Face(label, usages[split], row, real[row][..., 0]) for row, (label, split) in enumerate(rows))
    files = fake.image_files(faces, suffix="pgm")
    paths = {"csv": at / "fer2013.csv", "icml": at / "icml_face_data.csv", "tar": at / "plain.tar"}
    paths |= {"zip": fake.write_zip(at / "images.zip", files), "folder": fake.write_folder(at / "images", files)}
    yield paths
    shutil.rmtree(at)  # about a gigabyte


def fingerprint(dataset):
    table = SampleTable.from_columns(dataset.table, dataset.classes, "fer2013")
    digest = np.array([digest_of(dataset[row]) for row in range(len(table))])
    return dataclasses.replace(table, digest=digest).fingerprint(CLASSES)


@pytest.mark.real_data
@pytest.mark.parametrize("layout", OTHER_LAYOUTS)
def test_every_layout_made_of_the_real_release_has_its_fingerprint(layout, real, real_copies):
    copy = FER2013(root=real_copies[layout], check="error")
    assert fingerprint(copy) == fingerprint(real)
    assert copy.left_out == copy.deviations == []


@pytest.mark.real_data
def test_the_real_release_has_the_known_duplicates(real):
    groups = defaultdict(list)
    for row in range(len(real)):
        groups[real[row].tobytes()].append(row)
    twins = [rows for rows in groups.values() if len(rows) > 1]
    label, split = real.table["label"], real.table["split"]
    assert len(twins) == 1_516
    assert sum(map(len, twins)) == 3_369
    assert sum(len({label[row] for row in rows}) > 1 for rows in twins) == 57
    across = {pair: [rows for rows in twins if set(pair) <= {split[row] for row in rows}] for pair in PAIRS}
    assert {pair: len(groups) for pair, groups in across.items()} == {PAIRS[0]: 270, PAIRS[1]: 278, PAIRS[2]: 43}
    leaked = [row for rows in across["train", "test"] for row in rows if split[row] == "test"]
    assert len(leaked) == 288  # 8.0 % of PrivateTest
