"""The importer of Keras files: every layout, every order, and what is not the paper's network."""

import importlib.util
import io
import json
import zipfile

import h5py
import numpy as np
import pytest
import torch
from fer_conv_relu_ann import ConvReLUANN
from fer_conv_relu_ann.keras_file import KERNELS, convert, read_keras
from fer_face_prediction.predictor import Predictor
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import softmax
from support import verbs

from fer_plugins.runtime.errors import InputError

CLASSES = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]  # of a training from folders
CANONICAL = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def make_weights(seed=0):
    random = np.random.default_rng(seed)
    weights = {}
    for name, shape in KERNELS.items():
        shape = tuple(size or 7 for size in shape)
        scale = 1.5 / np.sqrt(np.prod(shape[:-1]))
        kernel = random.normal(scale=scale, size=shape).astype(np.float32)
        weights[name] = kernel, random.normal(scale=0.1, size=shape[-1]).astype(np.float32)
    return weights


def describe(first_padding="same"):
    """Return the model_config that Keras writes of the tutorial's layers."""

    def conv(name, padding="valid"):
        fixed = {"strides": [1, 1], "dilation_rate": [1, 1], "data_format": "channels_last", "activation": "relu"}
        return {"class_name": "Conv2D", "config": {"name": name, "padding": padding, **fixed}}

    pool = {
        "class_name": "MaxPooling2D",
        "config": {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"},
    }

    def dropout(rate):
        return {"class_name": "Dropout", "config": {"rate": rate}}

    layers = [conv("conv2d", first_padding), conv("conv2d_1"), pool, dropout(0.1), conv("conv2d_2"), pool, dropout(0.1)]
    layers += [
        conv("conv2d_3"),
        pool,
        dropout(0.1),
        {"class_name": "Flatten", "config": {"data_format": "channels_last"}},
    ]
    layers += [{"class_name": "Dense", "config": {"name": "dense", "activation": "relu"}}, dropout(0.25)]
    layers += [{"class_name": "Dense", "config": {"name": "dense_1", "activation": "softmax"}}]
    return {"class_name": "Sequential", "config": {"layers": layers}}


def write_h5(path, weights, described, place="model_weights/{0}/{0}/{1}:0"):
    with h5py.File(path, "w") as file:
        for name, arrays in weights.items():
            for kind, array in zip(("kernel", "bias"), arrays, strict=True):
                file[place.format(name, kind)] = array
        file["optimizer_weights/Adam/iterations:0"] = 7
        if described:
            file.attrs["model_config"] = json.dumps(described)
    return path


def write_keras_3(path, weights, described):
    """Write the layout of a .keras archive."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, arrays in weights.items():
            for number, array in enumerate(arrays):
                file[f"layers/{name}/vars/{number}"] = array
        file["optimizer/vars/0"] = 7
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(described))
        archive.writestr("model.weights.h5", content.getvalue())
    return path


def forward(weights, images, first_padding="same"):
    """Return probabilities (N, 7) as Keras computes them, in numpy: height, width and channels throughout."""
    maps = images[..., None]
    for name, pooled in (("conv2d", False), ("conv2d_1", True), ("conv2d_2", True), ("conv2d_3", True)):
        kernel, bias = weights[name]
        if name == "conv2d" and first_padding == "same":
            maps = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = sliding_window_view(maps, (3, 3), axis=(1, 2))  # N, H, W, C, 3, 3
        patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
        maps = np.maximum(patches @ kernel.reshape(-1, kernel.shape[-1]) + bias, 0)
        if pooled:
            high, wide = maps.shape[1] // 2, maps.shape[2] // 2
            maps = maps[:, : 2 * high, : 2 * wide].reshape(len(maps), high, 2, wide, 2, -1).max((2, 4))
    features = np.maximum(maps.reshape(len(maps), -1) @ weights["dense"][0] + weights["dense"][1], 0)
    return softmax(features @ weights["dense_1"][0] + weights["dense_1"][1], axis=1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (3, 48, 48), dtype=np.uint8)


def save_check(path, images, probabilities):
    np.savez(path, images=images, probabilities=probabilities)
    return path


LAYOUTS = {
    "keras 2": (write_h5, "theirs.h5"),
    "keras 3 h5": (
        lambda path, weights, described: write_h5(path, weights, described, "model_weights/{0}/sequential/{0}/{1}"),
        "theirs.h5",
    ),
    "keras 3": (write_keras_3, "theirs.keras"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("first_padding", ["same", "valid"])
def test_a_checkpoint_predicts_as_keras_does(layout, first_padding, images, tmp_path, capsys):
    write, name = LAYOUTS[layout]
    weights = make_weights()
    file = write(tmp_path / name, weights, describe(first_padding))
    wanted = forward(weights, images.astype(np.float32) / 255, first_padding)
    assert wanted.max(1).min() < 0.99  # probabilities that tell something
    check = save_check(tmp_path / "check.npz", images, wanted)
    code = verbs.__getattr__("import-keras")([file, "--classes", ",".join(CLASSES), "--check", check])
    assert code == 0
    assert "the same probabilities as Keras" in capsys.readouterr().out
    predictor = Predictor.load(tmp_path / "theirs.ckpt")
    assert predictor.classes == CANONICAL
    np.testing.assert_allclose(predictor.predict(images), wanted, atol=1e-5)
    assert list(predictor.network.module.config.model.options["dropout"]) == [0.1, 0.1, 0.1, 0.25]


def wrong_dense(weights):
    kernel, bias = weights["dense"]
    return {**weights, "dense": (kernel.reshape(256, 4, 4, 512).transpose(1, 2, 0, 3).reshape(4096, 512), bias)}


def wrong_kernel(weights):
    kernel, bias = weights["conv2d_2"]
    return {**weights, "conv2d_2": (kernel.transpose(1, 0, 2, 3), bias)}


def wrong_classes(weights):
    order = [0, 1, 2, 3, 5, 6, 4]
    kernel, bias = weights["dense_1"]
    return {**weights, "dense_1": (kernel[:, order], bias[order])}


@pytest.mark.parametrize("spoil", [wrong_dense, wrong_kernel, wrong_classes])
def test_a_wrong_order_is_noticed(spoil, images, tmp_path):
    """Every shape fits, and the probabilities are others."""
    weights = make_weights()
    file = write_h5(tmp_path / "theirs.h5", spoil(weights), describe())
    check = save_check(tmp_path / "check.npz", images, forward(weights, images.astype(np.float32) / 255))
    with pytest.raises(InputError, match=r"differ by up to 0\.\d+, so kernels, outputs or pixels are in another order"):
        verbs.__getattr__("import-keras")([file, "--classes", ",".join(CLASSES), "--check", check])
    assert not (tmp_path / "theirs.ckpt").exists()


def test_without_the_permutation_of_the_dense_rows_the_answers_are_wrong(images):
    weights = make_weights()
    pixels = images.astype(np.float32) / 255
    network = ConvReLUANN(num_classes=7).eval()
    state = {name: torch.from_numpy(array) for name, array in convert(weights).items()}
    network.load_state_dict(state)
    with torch.no_grad():
        right = network(torch.from_numpy(pixels)[:, None]).softmax(1).numpy()
        network.load_state_dict({**state, "dense.weight": torch.from_numpy(weights["dense"][0].T.copy())})
        naive = network(torch.from_numpy(pixels)[:, None]).softmax(1).numpy()
    wanted = forward(weights, pixels)
    np.testing.assert_allclose(right, wanted, atol=1e-5)
    assert np.abs(naive - wanted).max() > 0.02


def without(name):
    return lambda weights: {key: value for key, value in weights.items() if key != name}


def changed(number, **values):
    described = describe()
    described["config"]["layers"][number]["config"].update(values)
    return described


BAD = {
    "layer missing": (without("conv2d_3"), describe(), [], r"0 kernels of shape \(3, 3, 128, 256\)"),
    "layer more": (
        lambda weights: {**weights, "batch": (np.ones(7, np.float32), np.ones(7, np.float32))},
        describe(), [], r"it has weights of batch too",
    ),
    "no bias": (lambda weights: {**weights, "dense": weights["dense"][:1]}, describe(), [], r"no bias of 512"),
    "not finite": (
        lambda weights: {**weights, "dense_1": (weights["dense_1"][0] * np.nan, weights["dense_1"][1])},
        describe(), [], r"are not finite numbers",
    ),
    "strides": (dict, changed(1, strides=[2, 2]), [], r"layer conv2d_1 has strides \[2, 2\]"),
    "channels first": (dict, changed(0, data_format="channels_first"), [], r"has data_format channels_first"),
    "activation": (dict, changed(4, activation="elu"), [], r"4 layers have ReLU"),
    "other layers": (
        dict, {"config": {"layers": describe()["config"]["layers"][:-1]}}, [], r"its layers are Conv2D, Conv2D, MaxP"
    ),
    "no layers": (dict, {"config": {}}, [], r"lists no layers"),
    "weights alone": (dict, None, [], r"holds weights alone, .*; add --first-padding same"),
    "padding twice": (dict, describe(), ["--first-padding", "valid"], r"says same itself; leave the option out"),
    "classes": (dict, describe(), ["--classes", "angry,sad"], r"2 names, the network has 7 outputs"),
    "class twice": (dict, describe(), ["--classes", "angry,sad,sad,fear,happy,x,y"], r"sad appears twice"),
    "out": (dict, describe(), ["--out", "gone/x.ckpt"], r"its folder does not exist"),
    "check": (dict, describe(), ["--check", "gone.npz"], r"--check gone.npz: cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path):
    spoil, described, words, message = BAD[case]
    weights = {name: arrays if len(arrays) == 2 else (*arrays,) for name, arrays in spoil(make_weights()).items()}
    file = tmp_path / "theirs.h5"
    with h5py.File(file, "w") as content:
        for name, arrays in weights.items():
            for kind, array in zip(("kernel", "bias"), arrays, strict=False):
                content[f"model_weights/{name}/{name}/{kind}:0"] = array
        if described:
            content.attrs["model_config"] = json.dumps(described)
    named = [] if "--classes" in words else ["--classes", ",".join(CLASSES)]
    with pytest.raises(ValueError, match=message) as refused:
        verbs.__getattr__("import-keras")([file, *named, *words])
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("*.ckpt"))


def test_the_remedy_for_weights_alone_works(tmp_path, capsys):
    file = write_h5(tmp_path / "theirs.h5", make_weights(), None)
    words = [file, "--classes", ",".join(CLASSES), "--first-padding", "same", "--out", tmp_path / "x.ckpt"]
    assert verbs.__getattr__("import-keras")(words) == 0
    assert "--check FILE.npz proves" in capsys.readouterr().out
    with pytest.raises(InputError, match="exists already; remove it, or give another name with --out"):
        verbs.__getattr__("import-keras")(words)


@pytest.mark.parametrize("content", [b"", b"no file of Keras", b"PK\x03\x04 cut off"])
def test_a_file_that_is_none_is_one_line(content, tmp_path):
    (tmp_path / "x.h5").write_bytes(content)
    with pytest.raises(ValueError, match="no readable Keras file") as refused:
        read_keras(tmp_path / "x.h5")
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="keras is not installed")
@pytest.mark.parametrize("name", ["theirs.keras", "theirs.h5", "theirs.weights.h5"])
def test_a_file_that_keras_writes(name, images, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras

    relu = {"activation": "relu"}
    layers = [keras.Input((48, 48, 1)), keras.layers.Conv2D(32, 3, padding="same", **relu)]
    layers += [keras.layers.Conv2D(64, 3, **relu), keras.layers.MaxPooling2D(), keras.layers.Dropout(0.1)]
    layers += [keras.layers.Conv2D(128, 3, **relu), keras.layers.MaxPooling2D(), keras.layers.Dropout(0.1)]
    layers += [keras.layers.Conv2D(256, 3, **relu), keras.layers.MaxPooling2D(), keras.layers.Dropout(0.1)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(512, **relu), keras.layers.Dropout(0.2)]
    model = keras.Sequential([*layers, keras.layers.Dense(7, activation="softmax")])
    assert model.count_params() == 2_489_095
    model.compile("adam", "categorical_crossentropy")
    alone = name == "theirs.weights.h5"
    model.save_weights(tmp_path / name) if alone else model.save(tmp_path / name)
    pixels = images.astype(np.float32)[..., None] / 255
    check = save_check(tmp_path / "check.npz", pixels, np.asarray(model.predict(pixels, verbose=0)))
    words = [
        tmp_path / name,
        "--classes",
        ",".join(CLASSES),
        "--check",
        check,
        *(("--first-padding", "same") if alone else ()),
    ]
    assert verbs.__getattr__("import-keras")(words) == 0
