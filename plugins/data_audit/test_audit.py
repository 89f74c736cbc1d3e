"""The audit of a dataset: groups, labels, splits, the table, the JSON and the contact sheet."""

import base64
import io
import json
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from fer_data_audit.contact_sheet import draw_sheet
from fer_data_audit.groups import find_groups, list_groups
from fer_data_audit.report import as_values
from PIL import Image
from support import fake_fer2013
from support.verbs import audit

from fer_plugins.commands import main
from fer_plugins.data.copies.near_copies import find_near_copies
from fer_plugins.data.images import digest_of
from fer_plugins.data.synthetic_faces.synthetic import Synthetic
from fer_plugins.data.table import SampleTable

CLASSES = np.array(["anger", "happy", "sad"])


@pytest.fixture(scope="module")
def faces():
    dataset = Synthetic(image_size=48, samples=7 * 30, subjects=30, frames=1)
    first = np.unique(dataset.table["subject"], return_index=True)[1]
    return np.stack([dataset[row] for row in first])


def make_table(images, labels=None, **columns):
    size = len(images)
    return SampleTable(
        np.zeros(size, np.int64) if labels is None else np.array(labels),
        np.array([f"<{row}>.png" for row in range(size)]),
        digest=np.array([digest_of(image) for image in images]),
        **{name: np.array(column) for name, column in columns.items()},
    )


def search(images, table, **rows_of):
    splits = [{name: np.array(rows, np.int64) for name, rows in rows_of.items()}] if rows_of else []
    return find_groups(find_near_copies(images), table, CLASSES[table.label], splits)


def rows_of(groups):
    return [rows.tolist() for rows in groups]


def test_groups_are_listed_largest_first():
    assert rows_of(list_groups(np.array([5, 1, 5, 2, 1, 5]))) == [[0, 2, 5], [1, 4]]
    assert list_groups(np.arange(3)) == []


def test_exact_and_near_groups_and_their_labels(faces):
    a, b, c = faces[0], faces[1], faces[2]
    images = np.stack([a, a, a[:, ::-1], b, b, c, c[:, ::-1]])
    result = search(images, make_table(images, [0, 0, 1, 2, 1, 2, 2]))
    assert rows_of(result.exact) == [[0, 1], [3, 4]]
    assert rows_of(result.near) == [[0, 1, 2], [5, 6]]
    assert rows_of(result.conflicting_exact) == [[3, 4]]
    assert rows_of(result.conflicting_near) == [[0, 1, 2]]
    assert result.overlaps == []


def test_a_dataset_without_copies(faces):
    result = search(faces, make_table(faces), train=range(10), val=range(10, 20), test=range(20, 30))
    assert result.exact == result.near == result.conflicting_near == []
    (overlap,) = result.overlaps
    assert set(overlap.exact.values()) == set(overlap.near.values()) == {(0, 0)}
    assert overlap.subjects == overlap.sequences == overlap.siblings == {}


def test_parts_share_copies_subjects_sequences_and_augmented_originals(faces):
    images = np.concatenate([faces[:6], faces[:1], faces[1:2, :, ::-1]])
    table = make_table(
        images, subject=list("ABCDEFAX"), sequence=list("12345617"), parent=["0", "1", "2", "3", "4", "5", "x", "1"]
    )
    result = search(images, table, train=[0, 1, 2], val=[3, 4, 5], test=[6, 7])
    (overlap,) = result.overlaps
    assert overlap.exact == {("train", "val"): (0, 0), ("train", "test"): (1, 1), ("val", "test"): (0, 0)}
    assert overlap.near == {("train", "val"): (0, 0), ("train", "test"): (1, 1), ("val", "test"): (0, 0)}
    assert overlap.subjects[("train", "test")] == 1
    assert overlap.sequences[("train", "test")] == 1
    assert overlap.siblings[("train", "test")] == 1
    assert overlap.sizes == {"train": 3, "val": 3, "test": 2}


def test_near_copies_of_one_sequence_are_counted_apart(faces):
    images = np.stack([faces[0], faces[0][:, ::-1], faces[1], faces[1][:, ::-1]])
    result = search(images, make_table(images, sequence=["s", "s", "s", "t"]))
    assert (len(result.pairs), result.in_one_sequence) == (2, 1)


def test_identical_pixels_in_other_channels_are_a_near_copy(faces):
    images = np.stack([faces[0], faces[0]])
    table = make_table(images)
    table.digest[1] = "a digest of three channels"
    result = search(images, table)
    assert result.exact == []
    assert result.pairs.kinds() == ["same pixels"]


def test_near_constant_images_are_exact_copies_but_never_near_ones(faces):
    flat = np.full((3, 48, 48, 1), 7, np.uint8)
    flat[2] = 8
    images = np.concatenate([flat, faces[:3]])
    result = search(images, make_table(images))
    assert rows_of(result.exact) == [[0, 1]]
    assert result.near == []
    assert result.pairs.blank.tolist() == [0, 1, 2]


def test_values_are_plain_and_name_the_images(faces):
    images = np.stack([faces[0], faces[0], faces[0][:, ::-1]])
    table = make_table(images, [0, 0, 1])
    result = search(images, table, train=[0], val=[1], test=[2])
    values = json.loads(json.dumps(as_values(result, table.source, CLASSES[table.label])))
    assert values["exact"]["members"] == [[["<0>.png", "anger"], ["<1>.png", "anger"]]]
    (pair,) = values["near"]["found"]
    assert (pair["kind"], sorted(pair["images"])) == ("flip", ["<0>.png", "<2>.png"])
    assert values["folds"][0]["exact"]["train/val"] == {"groups": 1, "images": 1}
    assert values["folds"][0]["near"]["train/test"] == {"groups": 1, "images": 1}


def test_the_sheet_shows_both_images_of_a_pair_and_escapes_names(faces):
    images = np.stack([faces[0], faces[0][:, ::-1], faces[1], faces[1]])
    table = make_table(images, [0, 1, 2, 2])
    result = search(images, table)
    page = draw_sheet(result, images, table.source, CLASSES[table.label], np.array(["train", "test", "", ""]), "A & B")
    assert "<title>A &amp; B</title>" in page
    assert "&lt;0&gt;.png" in page
    assert "<0>.png" not in page
    assert "http" not in page  # complete in itself
    printed = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in re.findall(r"base64,([^\"]+)", page)
    ]
    assert len(printed) == 3
    np.testing.assert_array_equal(printed[0], printed[1])  # the first of a mirrored pair is shown mirrored
    np.testing.assert_array_equal(printed[2], faces[1][..., 0])
    assert page.count('class="conflict"') == 1


def call(*words):
    return main.call("fer", audit, [str(word) for word in words])


SYNTHETIC = ("synthetic", "--data.samples", "210", "--data.subjects", "10", "--data.seed", "3")


def test_the_command_prints_and_writes(tmp_path, capsys):
    out = tmp_path / "new" / "audit"
    assert call(*SYNTHETIC, "--protocol", "random", "--out", out) == 0
    message = capsys.readouterr().out
    assert "synthetic, 210 images" in message
    assert sorted(path.name for path in out.iterdir()) == ["audit.json", "contact_sheet.html"]
    values = json.loads((out / "audit.json").read_text())
    shared = values["folds"][0]["subjects"]["train/test"]
    assert shared > 5
    assert re.search(rf"train/test +subjects +{shared}\b", message)
    assert values["protocol"] == "protocol random"


def test_the_releases_own_split_is_compared_without_a_protocol(capsys):
    assert call(*SYNTHETIC, "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["protocol"] == "the release's split"
    (fold,) = values["folds"]
    assert fold["subjects"] == {"train/val": 0, "train/test": 0, "val/test": 0}


def test_every_fold_is_compared(capsys):
    assert call(*SYNTHETIC, "--protocol", "kfold", "--protocol.k", "3", "--json") == 0
    folds = json.loads(capsys.readouterr().out)["folds"]
    assert len(folds) == 3
    assert all(fold["sequences"]["train/test"] > 0 for fold in folds)


def test_another_dataset_is_a_split_of_its_own(capsys, make_distribution):
    source = """
    from fer_plugins.data.synthetic_faces.synthetic import Synthetic


    def more(*, root=None, samples=231):
        return Synthetic(image_size=48, samples=samples, subjects=samples // 21)
    """
    make_distribution("more", [("datasets", "more", "more:more")], source)
    assert call("more", "--data.samples", "210", "--against", "more", "none", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["images"] == 210 + 231
    (fold,) = values["folds"]
    assert fold["parts"]["more (second)"] == 231
    # The second holds the first's images under the same names, maybe in another split.
    shared = [fold["exact"][f"{split}/more (second)"] for split in ("train", "val", "test")]
    assert sum(copies["groups"] for copies in shared) == 210
    assert set(fold["subjects"].values()) == {0}
    (pair, *_) = values["exact"]["members"]
    assert {name[:2] for name, _ in pair} == {"1:", "2:"}


def test_a_copy_that_differs_from_the_release_is_looked_at_and_the_difference_noted(tmp_path, capsys):
    root = fake_fer2013.write_zip_layout(tmp_path, fake_fer2013.make_faces())
    assert call("fer2013", root, "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["images"] == 42
    assert any("counts are not the release's" in note for note in values["notes"])
    assert call("fer2013", root, "--data.check", "error") == 2
    assert "not the complete FER2013" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "NAME is missing"),
        (["synthetic", "--against", "fer2013"], "--against needs 2 values"),
        (["synthetic", "--fast", "1"], "unknown option '--fast'"),
        (["nobody"], "nobody"),
        (["fer2013", "/nowhere/at/all"], "/nowhere/at/all"),
        (["synthetic", "--protocol", "nobody"], "nobody"),
        (["synthetic", "--protocol.k", "3"], "needs --protocol NAME"),
        (["synthetic", "--data.subjects", "2"], "subjects"),
        ([*SYNTHETIC, "--against", "fer2013", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_wrong_words_are_one_line_and_nothing_is_written(words, message, tmp_path, capsys):
    out = tmp_path / "out"
    assert call(*words, "--out", out) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not out.exists()


def test_an_earlier_audit_is_not_overwritten_and_a_file_is_no_folder(tmp_path, capsys):
    (tmp_path / "audit.json").write_text("mine")
    assert call(*SYNTHETIC, "--out", tmp_path) == 2
    assert "give another folder" in capsys.readouterr().err
    assert (tmp_path / "audit.json").read_text() == "mine"
    assert call(*SYNTHETIC, "--out", tmp_path / "audit.json" / "inside") == 2
    assert "is a file" in capsys.readouterr().err


def resident_kb(name):
    """Return a line of Linux's account of this process's memory: VmRSS is now, VmHWM the peak."""
    return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


@pytest.mark.real_data
@pytest.mark.slow
def test_what_is_known_of_fer2013(real_fer2013, tmp_path, capsys):
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here, not from earlier tests
    before = resident_kb("VmRSS")  # which those still hold
    assert call("fer2013", real_fer2013, "--json", "--export", tmp_path / "copies") == 0
    values = json.loads(capsys.readouterr().out)
    shipped = resources.files("fer_plugins.data.copies").joinpath("fer2013_copies.csv")
    assert (tmp_path / "copies.csv").read_bytes() == shipped.read_bytes()
    exact = values["exact"]
    assert (exact["groups"], exact["images"], exact["groups_with_conflicting_labels"]) == (1516, 3369, 57)
    (fold,) = values["folds"]
    assert {pair: shared["groups"] for pair, shared in fold["exact"].items()} == {
        "train/val": 270,
        "train/test": 278,
        "val/test": 43,
    }
    assert len(values["near_constant"]) == 13
    assert 7000 < values["near"]["pairs"] < 8500  # identical ones included; see docs/audit.md
    assert fold["near"]["val/test"]["groups"] > 100
    assert resident_kb("VmHWM") - before < 2 * 2**20
