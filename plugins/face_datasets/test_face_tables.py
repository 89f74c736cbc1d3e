"""A csv of faces in the spellings and packings that go around: read alike, or refused with what it looks like."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile

import numpy as np
import pytest
from fer_face_datasets.fer2013 import CLASSES, FER2013
from fer_face_datasets.folder import folder
from fer_image_files.tables.pixel_csv import read_records
from hypothesis import given, settings
from hypothesis import strategies as st
from support import fake_fer2013 as fake

from fer_plugins.commands import main
from fer_plugins.runtime.errors import InputError

FACES = fake.make_faces(each=1)
SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
EXPECTED = sorted((face.pixels.tobytes(), CLASSES[face.code], SPLITS[face.usage]) for face in FACES)


def summarise(dataset):
    table = dataset.table
    return sorted(
        (dataset[row].tobytes(), dataset.classes[label], split)
        for row, (label, split) in enumerate(zip(table["label"], table["split"], strict=True))
    )


def px(face, mark=" ", form=str):
    return mark.join(form(value) for value in face.pixels.ravel().tolist())


def lines(header, line, end="\n"):
    return (end.join(([header] if header else []) + [line(face) for face in FACES]) + end).encode()


HF = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
NUMBERS = ",".join(map(str, range(2304)))
NAMES = ",".join(f"pixel{number}" for number in range(2304))
END, QUOTED = "\n", '","'


def decimal(value):
    return f"{value}.1" if value < 255 else "255"


SPELLINGS = {
    "names": lines("emotion,pixels,Usage", lambda f: f"{CLASSES[f.code].title()},{px(f)},{f.usage}"),
    "adjectives": lines("emotion,pixels,Usage", lambda f: f"{fake.FOLDERS[f.code]},{px(f)},{f.usage}"),
    "floats": lines("emotion,pixels,Usage", lambda f: f"{f.code}.0,{px(f)},{f.usage}"),
    "label": lines("label,pixels,Usage", lambda f: f"{f.code},{px(f)},{f.usage}"),
    "emotions": lines("Emotions,Pixels,USAGE", lambda f: f"{f.code},{px(f)},{f.usage}"),
    "class, split": lines("class,pixels,split", lambda f: f"{f.code},{px(f)},{HF[f.usage]}"),
    "expression, set": lines("set,expression,image", lambda f: f"{HF[f.usage]},{f.code},{px(f)}"),
    "an unknown name": lines("pixels,emocion,Usage", lambda f: f"{px(f)},{f.code},{f.usage}"),
    "wrong codes beside names": lines(
        "emotion,emotion_name,pixels,usage", lambda f: f"{6 - f.code},{CLASSES[f.code]},{px(f)},{HF[f.usage]}"
    ),
    "an index": lines(",emotion,pixels,Usage", lambda f: f"{f.number},{f.code},{px(f)},{f.usage}"),
    "a note": lines("emotion,pixels,Usage,note", lambda f: f'{f.code},{px(f)},{f.usage},"dark, ""blurred"""'),
    "commas in quotes": lines("emotion,pixels,Usage", lambda f: f'{f.code},"{px(f, ",")}",{f.usage}'),
    "a list": lines("emotion,pixels,Usage", lambda f: f'{f.code},"[{px(f, ", ")}]",{f.usage}'),
    "a list over lines": lines(
        "emotion,Usage,pixels", lambda f: f'{f.code},{f.usage},"[{px(f).replace(" 1", END + "1")}]"'
    ),
    "fractions": lines(
        "emotion,pixels,Usage", lambda f: f"{f.code},{px(f, form=lambda v: format(v / 255, '.6f'))},{f.usage}"
    ),
    "exponents": lines(
        "emotion,pixels,Usage", lambda f: f"{f.code},{px(f, form=lambda v: format(v / 255, '.6e'))},{f.usage}"
    ),
    "point zero": lines("emotion,pixels,Usage", lambda f: f"{f.code},{px(f, form=lambda v: f'{v}.0')},{f.usage}"),
    "decimals": lines("emotion,pixels,Usage", lambda f: f"{f.code},{px(f, form=decimal)},{f.usage}"),
    "semicolons": lines("emotion;pixels;Usage", lambda f: f"{f.code};{px(f)};{f.usage}"),
    "semicolons and commas": lines("emotion;pixels;Usage", lambda f: f"{f.code};{px(f, ',')};{f.usage}"),
    "tabs": lines("emotion\tpixels\tUsage", lambda f: f"{f.code}\t{px(f)}\t{f.usage}"),
    "UTF-16": fake.csv_text(FACES).decode().encode("utf-16"),
    "UTF-16 without a mark": fake.csv_text(FACES).decode().encode("utf-16-le"),
    "old Mac": lines("emotion,pixels,Usage", lambda f: f"{f.code},{px(f)},{f.usage}", "\r"),
    "Windows": lines('\ufeff"emotion","pixels","Usage"', lambda f: f'"{f.code}","{px(f)}","{f.usage}"', "\r\n"),
    "no header": lines("", lambda f: f"{f.code},{px(f)},{f.usage}"),
    "no header, marked": b"\xef\xbb\xbf" + lines("", lambda f: f"{f.code},{px(f)},{f.usage}"),
    "wide": lines(f"emotion,{NAMES},Usage", lambda f: f"{f.code},{px(f, ',')},{f.usage}"),
    "wide, numbers": lines(f"{NUMBERS},label,Usage", lambda f: f"{px(f, ',')},{f.code},{f.usage}"),
    "wide, quoted": lines(f"Usage,label,{NUMBERS}", lambda f: f'"{f.usage}","{f.code}","{px(f, QUOTED)}"'),
    "wide, no header": lines("", lambda f: f"{f.code},{px(f, ',')},{f.usage}"),
    "wide, fractions": lines(
        f"label,{NUMBERS},split", lambda f: f"{f.code},{px(f, ',', lambda v: format(v / 255, '.5f'))},{HF[f.usage]}"
    ),
    "empty lines": lines("\n\nemotion,pixels,Usage", lambda f: f"\n{f.code},{px(f)},{f.usage}"),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_images_labels_and_splits(spelling, tmp_path):
    (tmp_path / "faces.csv").write_bytes(SPELLINGS[spelling])
    assert summarise(FER2013(root=tmp_path / "faces.csv", check="off")) == EXPECTED
    codes = None if spelling in ("names", "adjectives", "wrong codes beside names") else list(CLASSES)
    own = folder(root=tmp_path, codes=codes)
    assert summarise(own) == EXPECTED
    assert len(own.cache_key) == 32


PLAIN = SPELLINGS["semicolons"]


def _tar(data, mode="w:gz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        member = tarfile.TarInfo("fer2013/fer2013.csv")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _zip(data, name="a/b/c/fer2013.csv"):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, data)
    return stream.getvalue()


PACKINGS = {
    "fer2013.csv.gz": gzip.compress(PLAIN),
    "fer2013.csv.bz2": bz2.compress(PLAIN),
    "fer2013.csv.xz": lzma.compress(PLAIN),
    "gzip.csv": gzip.compress(PLAIN),
    "tar.csv": _tar(PLAIN),
    "plain tar.csv": _tar(PLAIN, "w"),
    "zip.csv": _zip(PLAIN),
    "text.zip": PLAIN,
    "text.tar.gz": PLAIN,
    "fer2013": PLAIN,
    "gzip in a zip.zip": _zip(gzip.compress(PLAIN), "x/fer2013.csv.gz"),
}


@pytest.mark.parametrize("name", PACKINGS)
def test_a_file_is_what_it_holds_and_not_what_it_is_called(name, tmp_path):
    (tmp_path / name).write_bytes(PACKINGS[name])
    assert summarise(FER2013(root=tmp_path / name, check="off")) == EXPECTED
    if name.endswith((".csv", ".gz", ".bz2", ".xz", ".zip")) and name != "text.zip":
        assert summarise(FER2013(root=tmp_path, check="off")) == EXPECTED


def write(root, files):
    return fake.write_folder(root, files)


TRAIN = fake.csv_text([face for face in FACES if face.usage == "Training"], ("emotion", "pixels"))
FULL = fake.csv_text(FACES)


def test_a_complete_copy_deep_down_is_read_before_a_train_csv_near_the_top_and_the_rest_is_named(tmp_path):
    files = {
        "data/train.csv": TRAIN,
        "data/test.csv": fake.csv_text(FACES, ("pixels",)),
        "a/b/c/icml_face_data.csv": FULL,
        "a/b/c/train.csv": TRAIN,
        "notes.csv": b"a,b\n1,2\n",
    }
    for root in (write(tmp_path / "tree", files), fake.write_zip(tmp_path / "tree.zip", files)):
        dataset = FER2013(root=root, check="off")
        assert summarise(dataset) == EXPECTED
        (note,) = dataset.notes[1:]
        assert all(name in note for name in files if name != "a/b/c/icml_face_data.csv")


def test_one_csv_a_split_is_one_copy(tmp_path):
    parts = {
        f"{name}.csv": fake.csv_text([face for face in FACES if face.usage == usage], ("emotion", "pixels"))
        for name, usage in {"train": "Training", "valid": "PublicTest", "test_set": "PrivateTest"}.items()
    }
    dataset = FER2013(root=write(tmp_path, parts), check="off")
    assert summarise(dataset) == EXPECTED
    assert len(set(dataset.table["source"])) == len(FACES)


def test_what_lies_there_instead_is_said_with_what_to_do(tmp_path):
    def said(name, content, root=None):
        folder = write(tmp_path / name.replace("/", "_"), {name: content})
        with pytest.raises(InputError) as caught:
            _ = FER2013(root=folder if root is None else folder / root).table
        return str(caught.value)

    assert "fer2013.csv: looks like a web page" in said("fer2013.csv", b"<!DOCTYPE html>\n<html></html>")
    assert "fetch it with `git lfs pull`" in said("fer2013.csv", b"version https://git-lfs.github.com/spec/v1\n")
    assert "faces.pkl looks like a Python pickle" in said("faces.pkl", b"\x80\x04\x95abc")
    assert "save its arrays with numpy.savez" in said("faces.p", b"\x80\x04\x95abc", "faces.p")
    assert "unpack a/fer2013.rar first" in said("a/fer2013.rar", b"Rar!\x1a\x07")
    assert "an Excel workbook: save the sheet as csv" in said("f.xlsx", _zip(b"x", "xl/workbook.xml"), "f.xlsx")
    votes = b"Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
    assert "the votes of FER+, which --data ferplus reads" in said("fer2013.csv", votes + b"Training,a.png,1,1\n")


def test_a_zip_with_a_part_and_an_archive_is_not_taken_for_all(tmp_path):
    root = fake.write_zip(tmp_path / "a.zip", {"train.csv": TRAIN, "fer2013.tar.gz": _tar(FULL)})
    with pytest.raises(InputError, match=r"holds the archive fer2013.tar.gz.*unpack it and give the folder"):
        FER2013(root=root)
    with zipfile.ZipFile(root) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert summarise(FER2013(root=tmp_path / "unpacked", check="off")) == EXPECTED


def test_excels_unicode_text_is_found_and_other_texts_are_no_news(tmp_path):
    text = FULL.decode().replace(",", "\t").encode("utf-16")
    write(tmp_path, {"Mappe1.txt": text, "README.txt": b"hello\nworld\n"})
    dataset = FER2013(root=tmp_path, check="off")
    assert summarise(dataset) == EXPECTED
    assert len(dataset.notes) == 1


def test_another_size_is_read_and_named(tmp_path):
    text = "emotion,pixels,Usage\n" + f"0,{' '.join(['7'] * 64 * 64)},Training\n" * 3
    (tmp_path / "a.csv").write_text(text)
    dataset = FER2013(root=tmp_path / "a.csv", check="warn")
    assert dataset[0].shape == (64, 64, 1)
    assert dataset.deviations == ["3 images are not 48 x 48 pixels"]
    with pytest.raises(InputError, match="is 64 x 64 pixels, FER2013 has 48 x 48"):
        _ = FER2013(root=tmp_path / "a.csv").table


def test_labels_in_alphabetical_order_are_recognised_by_the_counts_and_the_remedy_helps(tmp_path, monkeypatch):
    official = np.array([[1, 2, 3, 4, 5, 6, 7], [2, 1, 1, 3, 2, 1, 1], [1, 1, 2, 2, 1, 1, 3]])
    monkeypatch.setattr("fer_face_datasets.fer2013.OFFICIAL_COUNTS", official)
    alphabetical = sorted(range(7), key=lambda code: fake.FOLDERS[code])
    rows = [
        f"{alphabetical.index(code)},{' '.join([str(code)] * 2304)},{usage}"
        for usage, counts in zip(fake.USAGES, official.tolist(), strict=True)
        for code, number in enumerate(counts)
        for _ in range(number)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]))
    with pytest.raises(InputError, match="alphabetical order of folders") as caught:
        _ = FER2013(root=tmp_path / "a.csv").table
    codes = str(caught.value).split("'[")[1].split("]'")[0].split(", ")
    dataset = FER2013(root=tmp_path / "a.csv", codes=codes)
    assert all(dataset[row].max() == label for row, label in enumerate(dataset.table["label"]))
    assert dataset.cache_key != FER2013(root=tmp_path / "a.csv").cache_key
    with pytest.raises(InputError, match="seven classes"):
        FER2013(root=tmp_path / "a.csv", codes=codes[:6])


def check(*words):
    return main.call("fer", main._verb, ["data", "check", *map(str, words)])


def test_check_shows_the_first_reason_when_every_row_is_bad(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\n1,4 5 6,Training\n")
    assert check("fer2013", tmp_path / "a.csv") == 2
    message = capsys.readouterr().err
    assert "none of its 2 samples can be read" in message
    assert "a.csv: row 1 (line 2): the row has 3 pixels, 2304 are needed" in message


def test_check_compares_a_release_without_splits_with_all_rows_of_a_copy_that_has_some(tmp_path, capsys):
    counts = {0: 45, 1: 59, 2: 25, 3: 69, 4: 28, 5: 83, 6: 593, 7: 18}
    rows = [
        f"{code},{' '.join([str(code)] * 64)},{u}"
        for code, n in counts.items()
        for u in ["Training"] * (n - 1) + ["PublicTest"]
    ]
    (tmp_path / "faces.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]))  # any name, any size
    assert check("ckplus", tmp_path) == 0
    message = capsys.readouterr().out
    assert "45 (45)" in message
    assert "920 (920)" in message
    assert " 0 (" not in message
    assert "complete" in message


@pytest.mark.parametrize("name", ["fer2013", "ferplus", "ckplus", "folder"])
def test_a_path_that_is_no_file_ends_in_one_line(name, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.csv")
    for root in (
        tmp_path / "pipe.csv",
        "/dev/zero",
        "/dev/null",
        "a\0b",
        "a\ud800b",
        "x" * 5000,
        "~nobody_here/x",
        tmp_path,
    ):
        assert check(name, root) == 2
        message = capsys.readouterr().err.strip()
        assert message
        assert "\n" not in message


BASE = SPELLINGS["a note"].rpartition(b"\n")[0].split(b"\n")[:4]
BASE = b"\n".join(BASE) + b"\n"  # three faces


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(BASE) - 1), st.binary(min_size=1, max_size=4), st.sampled_from(["off", "skip"]))
def test_any_bytes_anywhere_end_in_a_message_or_in_samples(tmp_path_factory, place, change, mode):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(BASE[:place] + change + BASE[place + len(change) :])
    message = ""
    try:
        dataset = FER2013(root=path, check="off", on_bad_image="skip" if mode == "skip" else "error")
        result = len(dataset)
    except InputError as error:
        message, result = str(error), 1
    assert "\n" not in message
    assert 1 <= result <= 4


@given(st.lists(st.text('ab,"\n', max_size=6), min_size=1, max_size=5), st.booleans())
def test_a_quoted_record_has_the_fields_that_were_written(fields, quoted):
    record = ",".join('"' + field.replace('"', '""') + '"' for field in fields)
    lines = [*record.split("\n"), "1,2"] if quoted else [record.replace("\n", " "), "1,2"]
    written = [field if quoted else field.replace("\n", " ") for field in fields]
    is_empty = quoted and len(fields) == 1 and not written[0].strip()
    expected = [] if is_empty else [(1, written)]
    assert list(read_records(lines, ",", quoted=quoted)) == [*expected, (len(lines), ["1", "2"])]
