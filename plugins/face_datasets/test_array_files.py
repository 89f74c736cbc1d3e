"""Faces in arrays, Parquet and Arrow: in the forms that go around, or refused with what lies there."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from fer_face_datasets.fer2013 import CLASSES, FER2013
from fer_face_datasets.folder import folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fake_fer2013 import encode

from fer_plugins.commands import main
from fer_plugins.runtime.errors import InputError

h5py = pytest.importorskip("h5py")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

RANDOM = np.random.default_rng(0)
Y = {"train": np.arange(7).repeat(2), "val": np.arange(7), "test": np.arange(7)[::-1]}
X = {split: RANDOM.integers(0, 256, (len(labels), 48, 48), dtype=np.uint8) for split, labels in Y.items()}
EXPECTED = sorted((x.tobytes(), CLASSES[y], split) for split in X for x, y in zip(X[split], Y[split], strict=True))
TRAIN = sorted((x.tobytes(), CLASSES[y], "train") for x, y in zip(X["train"], Y["train"], strict=True))
HAPPY_FIRST = np.array([CLASSES[(code + 3) % 7] for code in range(7)])


def summarise(dataset):
    table = dataset.table
    splits = table.get("split", ["train"] * len(table["label"]))
    return sorted(
        (dataset[row].tobytes(), dataset.classes[label], split)
        for row, (label, split) in enumerate(zip(table["label"], splits, strict=True))
    )


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def npys(folder, **arrays):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


XY = {**{f"x_{split}": X[split] for split in X}, **{f"y_{split}": Y[split] for split in Y}}
ALL_SPLITS = {
    "npz x_train": lambda at: npz(at / "a.npz", **XY),
    "npz trainX": lambda at: npz(at / "a.npz", **{f"{s}X": X[s] for s in X}, **{f"{s}Y": Y[s] for s in X}),
    "npz with a column of splits": lambda at: npz(
        at / "a.npz",
        images=np.concatenate([*X.values()]),
        labels=np.concatenate([*Y.values()]),
        usage=np.array(["Training"] * 14 + ["PublicTest"] * 7 + ["PrivateTest"] * 7),
    ),
    "an npz a split": lambda at: [npz(at / f"{s}.npz", images=X[s], labels=Y[s]) for s in X] and at,
    "npy": lambda at: npys(at, **XY),
    "npy in folders": lambda at: [npys(at / s, X=X[s], y=Y[s]) for s in X] and at,
    "npy modXtest": lambda at: npys(at, **{f"modX{s}": X[s] for s in X}, **{f"mody{s}": Y[s] for s in X}),
    "HDF5 groups": lambda at: hdf5(
        at / "a.h5", {f"{s}/{k}": v[s] for s in X for k, v in {"images": X, "labels": Y}.items()}
    ),
    "HDF5 usages": lambda at: hdf5(
        at / "data.hdf5",
        {
            f"{usage}_{what}": values[split]
            for split, usage in {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}.items()
            for what, values in {"pixel": X, "label": Y}.items()
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", ALL_SPLITS)
def test_arrays_of_all_splits(form, tmp_path):
    root = ALL_SPLITS[form](tmp_path)
    assert summarise(FER2013(root=root, check="off")) == EXPECTED
    assert summarise(folder(root=root, codes=list(CLASSES))) == EXPECTED
    if root != tmp_path:
        assert summarise(FER2013(root=tmp_path, check="off")) == EXPECTED


IMAGES, LABELS = X["train"], Y["train"]
ONE_SET = {
    "X and y": {"X": IMAGES, "y": LABELS},
    "one-hot": {"images": IMAGES, "labels": np.eye(7)[LABELS]},
    "one-hot of booleans": {"images": IMAGES, "labels": np.eye(7, dtype=bool)[LABELS]},
    "a column of labels": {"images": IMAGES, "labels": LABELS[:, None].astype(np.float32)},
    "names": {"data": IMAGES, "target": np.array(CLASSES)[LABELS]},
    "bytes of names": {"data": IMAGES, "target": np.array(CLASSES)[LABELS].astype("S")},
    "codes and names": {"X": IMAGES, "y": 6 - LABELS, "emotion": np.array(CLASSES)[LABELS]},
    "names of the codes": {"X": IMAGES, "y": (LABELS - 3) % 7, "class_names": HAPPY_FIRST},
    "N H W 1": {"X": IMAGES[..., None], "y": LABELS},
    "N 1 H W": {"X": IMAGES[:, None], "y": LABELS},
    "RGB": {"X": IMAGES[..., None].repeat(3, 3), "y": LABELS},
    "channels first": {"X": IMAGES[:, None].repeat(3, 1), "y": LABELS},
    "flat": {"X": IMAGES.reshape(14, -1), "y": LABELS},
    "flat with a column of labels": {"data": np.c_[LABELS, IMAGES.reshape(14, -1)]},
    "fractions": {"X": IMAGES.astype(np.float32) / 255, "y": LABELS},
    "half fractions": {"X": IMAGES.astype(np.float64)[..., None] / 255, "y": LABELS},
    "floats": {"X": IMAGES.astype(np.float32), "y": LABELS},
    "wide integers": {"X": IMAGES.astype(np.int64), "y": LABELS},
}


@pytest.mark.parametrize("form", ONE_SET)
def test_arrays_of_one_set(form, tmp_path):
    arrays = ONE_SET[form]
    for root in (npz(tmp_path / "faces.npz", **arrays), npys(tmp_path / "apart", **arrays)):
        dataset = FER2013(root=root, check="off")
        assert summarise(dataset) == TRAIN
        assert any("all samples are training samples" in note for note in dataset.notes)
    named = any(array.dtype.kind in "SU" for array in arrays.values())
    own = folder(root=root, codes=None if named else list(CLASSES))
    assert len(own) == 14
    assert "split" not in own.table


def test_one_npy_finds_its_labels_beside_it_and_the_cache_sees_both_change(tmp_path):
    npys(tmp_path, fdataX=IMAGES, flabels=LABELS)
    dataset = FER2013(root=tmp_path / "fdataX.npy", check="off")
    assert summarise(dataset) == TRAIN
    own = folder(root=tmp_path / "fdataX.npy", codes=list(CLASSES)).cache_key
    key = dataset.cache_key
    np.save(tmp_path / "flabels.npy", LABELS[::-1].astype(np.int32))
    assert FER2013(root=tmp_path / "fdataX.npy", check="off").cache_key != key
    assert folder(root=tmp_path / "fdataX.npy", codes=list(CLASSES)).cache_key != own


ALPHABETICAL = sorted(["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"])
OURS = {"angry": "anger"}


def hugging_face(split):
    names = [OURS.get(name, name) for name in ALPHABETICAL]
    table = pa.table(
        {
            "image": [{"bytes": encode(image), "path": None} for image in X[split]],
            "label": [names.index(CLASSES[label]) for label in Y[split]],
        }
    )
    features = {"image": {"_type": "Image"}, "label": {"names": ALPHABETICAL, "_type": "ClassLabel"}}
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def exported(at):
    (at / "data").mkdir()
    train = hugging_face("train")
    pq.write_table(train.slice(0, 9), at / "data" / "train-00000-of-00002.parquet")
    pq.write_table(train.slice(9), at / "data" / "train-00001-of-00002.parquet")
    pq.write_table(hugging_face("val"), at / "data" / "validation-00000-of-00001.parquet")
    pq.write_table(hugging_face("test"), at / "data" / "test-00000-of-00001.parquet")
    return at


def converted(at):
    for split in X:
        (at / "default" / split).mkdir(parents=True)
        pq.write_table(hugging_face(split), at / "default" / split / "0000.parquet")
    return at


def saved(at, opener=pa.ipc.new_stream):
    for split in X:
        (at / split).mkdir()
        table = hugging_face(split)
        with (
            pa.OSFile(str(at / split / "data-00000-of-00001.arrow"), "wb") as sink,
            opener(sink, table.schema) as writer,
        ):
            writer.write_table(table)
        (at / split / "state.json").write_text("{}")
    return at


def in_columns(at, images):
    usage = ["Training"] * 14 + ["PublicTest"] * 7 + ["PrivateTest"] * 7
    labels = np.concatenate([*Y.values()])
    pq.write_table(
        pa.table({"emotion": labels, "Usage": usage, **images(np.concatenate([*X.values()]))}), at / "a.parquet"
    )
    return at / "a.parquet"


TABLES = {
    "a Hugging Face export": exported,
    "Hugging Face's conversion": converted,
    "save_to_disk": saved,
    "arrow files": lambda at: saved(at, pa.ipc.new_file),
    "pixels as text": lambda at: in_columns(at, lambda x: {"pixels": [" ".join(map(str, i.ravel())) for i in x]}),
    "pixels as lists": lambda at: in_columns(at, lambda x: {"pixels": [i.ravel().tolist() for i in x]}),
    "nested lists": lambda at: in_columns(at, lambda x: {"image": [i.tolist() for i in x]}),
    "a column a pixel": lambda at: in_columns(
        at, lambda x: {f"pixel{n}": column for n, column in enumerate(x.reshape(28, -1).T)}
    ),
    "bytes": lambda at: in_columns(at, lambda x: {"image": [encode(i) for i in x]}),
}  # fmt: skip


@pytest.mark.parametrize("form", TABLES)
def test_parquet_and_arrow(form, tmp_path):
    root = TABLES[form](tmp_path)
    assert summarise(FER2013(root=root, check="off")) == EXPECTED
    codes = list(CLASSES) if root.is_file() else None  # the others name their classes
    assert summarise(folder(root=root, codes=codes)) == EXPECTED


def test_a_bad_image_in_a_table_is_named_or_left_out(tmp_path):
    table = {"image": [encode(IMAGES[0]), b"no image", None], "label": [0, 1, 2]}
    pq.write_table(pa.table(table), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"train.parquet: row 2: the file is not an image.*--data.on_bad_image skip"):
        _ = FER2013(root=tmp_path, check="off").table
    dataset = FER2013(root=tmp_path, check="off", on_bad_image="skip")
    assert len(dataset) == 1
    assert dataset.left_out[0].startswith("2 bad rows were left out")


PICKLED = np.array([{"a": 1}], dtype=object)
SHARES = np.full((14, 7), 1 / 7)
REFUSED = {
    "only images": ({"X": IMAGES}, ("holds images without labels: ", "X uint8 (14, 48, 48)", "save the labels")),
    "only labels": ({"y": LABELS}, ("no array of images", "y int64 (14,)")),
    "other numbers": ({"X": IMAGES, "y": LABELS[:9]}, ("14 images", "9 labels", "do not belong together")),
    "standardised": ({"X": (IMAGES - 127.5) / 60, "y": LABELS}, ("reach from -2.", "before they are standardised")),
    "not finite": ({"X": IMAGES * np.nan, "y": LABELS}, ("reach from nan", "pixels are 0 to 255")),
    "objects": ({"X": PICKLED, "y": LABELS}, ("never opened", "numpy.savez")),
    "shares": ({"X": IMAGES, "y": SHARES}, ("one-hot", "shares of several classes are not a label")),
    "a code that is none": ({"X": IMAGES, "y": LABELS + 1}, ("'7' (2)", "a code in 0..6", "--data folder")),
    "two images": ({"a": IMAGES, "b": IMAGES, "y": LABELS}, ("several arrays could be the images", "a uint8")),
    "two labels": ({"X": IMAGES, "p": LABELS, "q": LABELS}, ("several arrays could be the labels", "save X and y")),
    "splits and none": ({**XY, "X": IMAGES, "y": LABELS}, ("names no split, others do", "rename or remove it")),
    "a network": ({"w": np.zeros((3, 3, 1, 64))}, ("no array of images", "w float64 (3, 3, 1, 64)")),
    "empty": ({}, ("is empty",)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_with_what_lies_there(case, tmp_path, capsys):
    arrays, words = REFUSED[case]
    root = npz(tmp_path / "faces.npz", **arrays)
    assert main.call("fer", main._verb, ["data", "check", "fer2013", str(root)]) == 2
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    for word in words:
        assert word in message


def test_weights_of_a_network_are_no_faces(tmp_path):
    hdf5(tmp_path / "model.h5", {"model_weights/dense/kernel": np.zeros((2304, 1024))})
    with pytest.raises(InputError, match="may be a model's weights"):
        _ = FER2013(root=tmp_path / "model.h5").table
    npz(tmp_path / "faces.npz", **XY)
    assert summarise(FER2013(root=tmp_path, check="off")) == EXPECTED


@pytest.mark.parametrize(("suffix", "package"), [("h5", "h5py"), ("parquet", "pyarrow")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(suffix, package, tmp_path, monkeypatch):
    root = ALL_SPLITS["HDF5 groups"](tmp_path) if suffix == "h5" else exported(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(InputError, match=rf"needs {package}; pip install {package}$"):
        _ = FER2013(root=root).table


def damaged():
    stream = io.BytesIO()
    np.savez(stream, X=IMAGES[:3], y=LABELS[:3])
    yield "a.npz", stream.getvalue()
    stream = io.BytesIO()
    np.save(stream, np.c_[LABELS, IMAGES.reshape(14, -1)])
    yield "a.npy", stream.getvalue()
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["X"], file["y"] = IMAGES[:3], LABELS[:3]
    yield "a.h5", stream.getvalue()
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"image": [encode(i) for i in IMAGES[:3]], "label": [0, 1, 2]}), sink)
    yield "a.parquet", sink.getvalue().to_pybytes()
    sink = pa.BufferOutputStream()
    table = pa.table({"image": [encode(i) for i in IMAGES[:3]], "label": [0, 1, 2]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    yield "a.arrow", sink.getvalue().to_pybytes()


DAMAGED = dict(damaged())


@pytest.mark.parametrize("opened", ["new_stream", "new_file"])
@pytest.mark.parametrize("column", ["image", "expression"])
def test_an_arrow_file_that_points_outside_itself_does_not_end_the_process(opened, column, tmp_path):
    """Arrow believes the offsets of a column, and reads whatever memory they point at."""
    columns = {"image": [encode(image) for image in IMAGES[:3]], "expression": ["happiness", "sadness", "fear"]}
    table, sink = pa.table(columns), pa.BufferOutputStream()
    with getattr(pa.ipc, opened)(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue().to_pybytes()
    lengths = [len(value) for value in columns[column]]
    offsets = np.r_[0, np.cumsum(lengths)].astype("<i4")
    assert data.count(offsets.tobytes()) == 1
    outside = np.r_[offsets[:-1], 2**31 - 1].astype("<i4")
    (tmp_path / "a.arrow").write_bytes(data.replace(offsets.tobytes(), outside.tobytes()))
    with pytest.raises(InputError, match="is not a readable Parquet or Arrow file"):
        _ = FER2013(root=tmp_path / "a.arrow", check="off").table


def test_a_column_whose_name_is_no_text_is_one_line(tmp_path):
    """Arrow checks the texts of a table, but not the names of its columns."""
    data = TABLES["arrow files"](tmp_path).joinpath("train", "data-00000-of-00001.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(data.replace(b"path", b"\xe2ath"))
    with pytest.raises(InputError, match="holds text that is not UTF-8"):
        _ = FER2013(root=tmp_path / "a.arrow", check="off").table


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(DAMAGED)),
    st.floats(0, 1, exclude_max=True),
    st.binary(min_size=1, max_size=3),
    st.booleans(),
)
def test_damage_anywhere_ends_in_a_message_or_in_samples(tmp_path, name, place, change, cut):
    data = DAMAGED[name]
    at = int(place * len(data))
    (tmp_path / name).write_bytes(data[:at] if cut else data[:at] + change + data[at + len(change) :])
    message = ""
    try:
        dataset = FER2013(root=tmp_path / name, check="off", on_bad_image="skip")
        assert len(dataset) <= 14
    except InputError as error:
        message = str(error)
    finally:
        (tmp_path / name).unlink()
    assert "\n" not in message


def test_npy_files_in_a_zip(tmp_path):
    folder = npys(tmp_path / "apart", X_train=IMAGES, y_train=LABELS)
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"some/where/{file.name}")
    assert summarise(FER2013(root=tmp_path / "faces.zip", check="off")) == TRAIN
