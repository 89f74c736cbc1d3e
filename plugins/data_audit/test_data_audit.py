"""``fer data check`` and ``fer data split``, and split files in a run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import fake_datasets as fake
from support.verbs import parse

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.data.images import load_images
from fer_plugins.data.protocols.official import flaw_of
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data


def fer(*words):
    return main.call("fer", main._verb, [str(word) for word in words])


def data_of(*words):
    flags = parse(["--data.cache", "none", *map(str, words)]).flags
    return build_data(config.resolve(flags, plugin="conv_relu_ann").config)


@pytest.fixture
def faces(tmp_path):
    return fake.write_folder(fake.ckplus_folders(6), tmp_path / "ck")


def test_check_reports_what_was_found_and_what_differs(faces, capsys):
    assert fer("data", "check", "ckplus", faces, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["title"], found["samples"], found["subjects"], found["sequences"]) == ("CK+", 126, 6, 42)
    assert found["counts"] == {"all": dict.fromkeys(found["classes"], 18)}
    assert found["sizes"] == {"48 x 48 x 1": 126}
    assert "anger 18 instead of 135" in found["differences"]
    assert "6 subjects instead of 118" in found["differences"]
    assert found["bad"] == []

    assert fer("data", "check", "ckplus", faces) == 1
    text = capsys.readouterr().out
    assert "126 (981)" in text
    assert "differs from the release" in text


def test_check_names_bad_images_and_goes_on(tmp_path, capsys):
    files = fake.class_folders()
    files["joy/1.png"] = files["joy/1.png"][:50]
    assert fer("data", "check", "folder", fake.write_folder(files, tmp_path)) == 1
    text = capsys.readouterr().out
    assert "1 bad images were left out" in text.replace("\n", " ")
    assert "joy/1.png" in text


def test_the_fingerprint_does_not_depend_on_names_or_packing(faces, tmp_path, capsys):
    packed = fake.write_zip(fake.ckplus_folders(6), tmp_path / "x.zip", top="some/where/")
    prints = []
    for root in (faces, packed):
        fer("data", "check", "ckplus", root, "--json")
        prints.append(json.loads(capsys.readouterr().out)["fingerprint"])
    assert prints[0] == prints[1]


def test_check_of_the_drawn_faces_needs_no_root(capsys):
    assert fer("data", "check", "synthetic", "--data.samples", "420") == 0
    assert "there are no official figures" in capsys.readouterr().out


@pytest.mark.real_data
def test_check_of_fer2013(real_fer2013, capsys):
    assert fer("data", "check", "fer2013", real_fer2013) == 0
    printed = capsys.readouterr().out
    assert "complete: all counts match the official release; this is the official file" in printed
    assert "official file fer2013.csv, md5 f8428a1edbd21e88f42c73edd2a14f95" in printed


def test_a_split_file_gives_the_same_split_from_another_copy(faces, tmp_path, capsys):
    out = tmp_path / "split.json"
    split = ("--protocol", "subject_kfold", "--protocol.k", "3")
    assert fer("data", "split", "ckplus", faces, *split, "--data.check", "off", "--out", out) == 0
    assert "written to" in capsys.readouterr().out
    packed = fake.write_zip(fake.ckplus_folders(6), tmp_path / "x.zip", top="elsewhere/")
    for number in range(3):
        same = ("--data", "ckplus", "--data.check", "off", "--run.fold", number)
        one = data_of(*same, "--data.root", faces, *split)
        other = data_of(*same, "--data.root", packed, "--protocol.file", out)
        assert one.split_hash == other.split_hash == json.loads(out.read_text())["folds"][number]["split_hash"]
        assert other.fold_count == 3


def test_a_split_file_wins_over_the_recipe_and_is_in_the_configuration(tmp_path):
    resolved = config.resolve({"protocol": {"file": "a.json"}}, plugin="dcnn_bilstm_dam")
    assert resolved.config.as_dict()["protocol"] == {"name": "file", "seed": 0, "file": "a.json"}


def test_equal_images_in_a_split_file(tmp_path):
    """Two images with the same pixels and label, in two splits: the split hash is still the same."""
    files = fake.class_folders(("happy", "sad"), each=6)
    files["happy/0.png"] = files["happy/5.png"]
    root = fake.write_folder(files, tmp_path / "a")
    for seed in range(4):
        out = tmp_path / f"{seed}.json"
        assert fer("data", "split", "folder", root, "--protocol", "random", "--protocol.seed", seed, "--out", out) == 0
        loaded = load_images(
            registry.build("dataset", "folder", root=root), name="x", image_size=8, channels=1, cache=None, memory_gb=1
        )
        fold = registry.build("protocol", "file", file=str(out))(loaded.table)[0]
        written = json.loads(out.read_text())["folds"][0]
        assert loaded.table.split_hash(fold._asdict(), loaded.classes) == written["split_hash"]
        assert np.unique(np.concatenate(fold)).size == 12


def test_the_flaw_travels_with_the_split_file(tmp_path):
    out = tmp_path / "flawed.json"
    words = ("--data.samples", "420", "--protocol", "paper_conv_relu_ann", "--out", out)
    assert fer("data", "split", "synthetic", *words) == 0
    protocol = registry.build("protocol", "file", file=str(out))
    assert "the test split is the validation split too" in flaw_of(protocol)
    data = data_of("--data", "synthetic", "--data.samples", "420", "--protocol.file", out)
    assert data.selects_on_test


def test_the_images_that_are_split_are_those_of_the_run(tmp_path):
    out = tmp_path / "split.json"
    drawn = ("--data.samples", "420", "--data.image_size", "24")
    assert fer("data", "split", "synthetic", *drawn, "--protocol", "official", "--out", out) == 0
    assert data_of("--data", "synthetic", *drawn, "--protocol.file", out).sizes["train"] > 0


def test_a_split_without_a_class_is_that_of_a_run_without_it(tmp_path, capsys):
    out = tmp_path / "split.json"
    words = ("--data.samples", "420", "--data.drop_classes", "[neutral]")
    assert fer("data", "split", "synthetic", *words, "--protocol", "official", "--out", out) == 0
    data = data_of("--data", "synthetic", *words, "--protocol.file", out)
    assert len(data.classes) == 6
    assert data.split_hash == json.loads(out.read_text())["folds"][0]["split_hash"]
    assert (
        fer("data", "split", "synthetic", "--data.drop_classes", "neutrl", "--protocol", "official", "--out", "x") == 2
    )
    assert "data.drop_classes: 'neutrl' is not a class of the dataset; did you mean neutral?" in capsys.readouterr().err


def test_check_verifies_the_votes(tmp_path, capsys):
    files = fake.ferplus()
    files["fer2013new.csv"] = files["fer2013new.csv"].replace(b",7,2,", b",6,2,")
    assert fer("data", "check", "ferplus", fake.write_folder(files, tmp_path), "--json") == 1
    said = "; ".join(json.loads(capsys.readouterr().out)["differences"])
    assert "val 25 instead of 3,553" in said
    assert "rows do not have 10 votes" in said


def test_check_counts_images_that_are_listed_and_missing(tmp_path, capsys):
    files = {name: content for name, content in fake.affectnet_npy().items() if "/images/3." not in name}
    assert fer("data", "check", "affectnet", fake.write_folder(files, tmp_path), "--json") == 1
    (bad,) = json.loads(capsys.readouterr().out)["bad"]
    assert "2 bad images were left out" in bad


@pytest.mark.parametrize("change", [{"fingerprint": None}, {"classes": []}, {"dataset": 3}])
def test_an_altered_split_file_is_refused(change, faces, tmp_path):
    out = tmp_path / "split.json"
    words = ("--data.check", "off", "--protocol", "kfold", "--protocol.k", "3", "--out", out)
    fer("data", "split", "ckplus", faces, *words)
    out.write_text(json.dumps({**json.loads(out.read_text()), **change}))
    with pytest.raises(InputError, match="was altered or is cut off"):
        data_of("--data", "ckplus", "--data.check", "off", "--data.root", faces, "--protocol.file", out)


def test_a_split_that_does_not_fit_is_refused(faces, tmp_path, capsys):
    out = tmp_path / "split.json"
    fer(
        "data",
        "split",
        "ckplus",
        faces,
        "--data.check",
        "off",
        "--protocol",
        "kfold",
        "--protocol.k",
        "3",
        "--out",
        out,
    )
    less = ("--data", "ckplus", "--data.check", "off", "--data.root", faces, "--protocol.file", out, "--run.fold", "0")
    with pytest.raises(InputError, match=r"splits 126 images of CK\+, these data have 63"):
        data_of(*less, "--data.limit", "63")
    changed = next(faces.rglob("*.png"))
    changed.write_bytes(fake.picture(999))
    with pytest.raises(InputError, match="does not fit: its image"):
        data_of(*less)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "is not a split file"),
        ("cut", "was altered or is cut off"),
    ],
)
def test_a_file_that_is_no_split(content, said, faces, tmp_path):
    out = tmp_path / "split.json"
    if content == "cut":
        content = '{"format": "fer-plugins split 1", "samples": [["a", "b", 0]], "folds": [{"train": [7]}]}'
    if content is not None:
        out.write_text(content)
    with pytest.raises(InputError, match=said):
        data_of("--data", "ckplus", "--data.check", "off", "--data.root", faces, "--protocol.file", out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data"], "expected a command; known: check, split, audit"),
        (["data", "chek"], "unknown command 'chek'; did you mean check?"),
        (["data", "check"], "NAME is missing"),
        (["data", "check", "jafe", "x"], "unknown dataset 'jafe'; did you mean jaffe?"),
        (["data", "check", "jaffe", "nowhere"], "nowhere: does not exist"),
        (["data", "check", "jaffe", "a", "b"], "'b' is a word too many; expected one name, one root"),
        (["data", "check", "jaffe", "a", "--data.root", "b"], "a and --data.root are both given"),
        (["data", "check", "synthetic", "--data.channels", "2"], "data.channels is 2; give 1 (grey) or 3 (RGB)"),
        (["data", "check", "synthetic", "--data.image_size", "big"], "data.image_size is 'big'"),
        (["data", "check", "jaffe", "--out", "x"], "unknown option '--out'"),
        (["data", "check", "synthetic", "--data.sampels", "420"], "unknown option"),
        (["data", "split", "synthetic"], "--protocol and --out are needed"),
        (["data", "split", "synthetic", "--protocol", "random", "--out"], "--out needs a value"),
        (["data", "split", "synthetic", "--protocol", "random", "--out", "no/where.json"], "its folder does not exist"),
        (["data", "split", "synthetic", "--protocol", "randon", "--out", "x.json"], "did you mean random?"),
        (
            ["data", "split", "synthetic", "--protocol.k", "3", "--out", "x.json"],
            "--protocol.KEY needs --protocol NAME",
        ),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fer(*words) == 2
    message = capsys.readouterr().err.strip()
    assert said in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_an_existing_split_file_is_kept(tmp_path, capsys):
    out = tmp_path / "split.json"
    out.write_text("mine")
    assert fer("data", "split", "synthetic", "--protocol", "random", "--out", out) == 2
    assert out.read_text() == "mine"
