"""Read the weights of the paper's network from a Keras file: .h5, .weights.h5 or .keras."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.runtime.errors import one_line

Array = npt.NDArray[np.float32]

# Name in the network (Table 2) -> shape of the kernel in Keras; None: the number of classes.
KERNELS: dict[str, tuple[int | None, ...]] = {
    "conv2d": (3, 3, 1, 32),
    "conv2d_1": (3, 3, 32, 64),
    "conv2d_2": (3, 3, 64, 128),
    "conv2d_3": (3, 3, 128, 256),
    "dense": (4096, 512),
    "dense_1": (512, None),
}
_MAPS = (4, 4, 256)  # height, width and channels before the flatten layer
_LAYERS = (*("Conv2D", "Conv2D", "MaxPooling2D"), *("Conv2D", "MaxPooling2D") * 2, "Flatten", "Dense", "Dense")
_WITHOUT_WEIGHTS = ("InputLayer", "Dropout", "Activation", "ReLU", "Softmax")


@dataclass(frozen=True)
class KerasNetwork:
    """Weights and options of the network in a Keras file."""

    layers: Mapping[str, tuple[Array, Array]]  # name in the network -> kernel and bias, in Keras's axis order
    first_padding: str | None  # "same" or "valid"; None: a file of weights only, which does not store it
    dropout: tuple[float, ...] | None  # four rates; None: a file of weights only, or another number of dropout layers

    @property
    def num_classes(self) -> int:
        """Number of outputs of the last layer."""
        return int(self.layers["dense_1"][0].shape[1])


def read_keras(path: Path) -> KerasNetwork:
    """Read a Keras file.

    Raises:
        ValueError: it is not a Keras file, or holds another network; one line.
    """
    import h5py

    if not os.path.isfile(path):  # not Path: an over-long name is not a file, and raises no OSError
        raise ValueError(f"{path}: there is no such file; give a .h5 or .keras file")
    described: Any = None
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                described = json.loads(archive.read("config.json"))
                content: Any = io.BytesIO(archive.read("model.weights.h5"))
        else:
            content = path
        with h5py.File(content, "r") as file:
            text = file.attrs.get("model_config")
            described = json.loads(text) if text is not None else described
            arrays = list(_weights(file))
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        text = one_line(error, 150)
        raise ValueError(f"{path}: no readable Keras file ({text}); save the network again with model.save") from None
    layers = _name_layers(path, arrays)
    padding, dropout = (None, None) if described is None else _read_description(path, described)
    return KerasNetwork(layers, padding, dropout)


def convert(layers: Mapping[str, tuple[Array, Array]]) -> dict[str, Array]:
    """Return the weights with the names and axis order of the network's ``state_dict``.

    Keras stores kernels as height, width, input, output; PyTorch has the output first. Keras flattens maps as height,
    width, channels, PyTorch as channels, height, width: the rows of the first dense kernel are reordered accordingly.
    Without this all shapes fit, but all outputs are wrong.
    """
    state: dict[str, Array] = {}
    for name, (kernel, bias) in layers.items():
        if kernel.ndim == 4:
            weight, place = kernel.transpose(3, 2, 0, 1), f"features.{name}"
        elif name == "dense":
            weight, place = kernel.reshape(*_MAPS, -1).transpose(3, 2, 0, 1).reshape(kernel.shape[1], -1), name
        else:
            weight, place = kernel.T, name
        state |= {f"{place}.weight": np.ascontiguousarray(weight), f"{place}.bias": bias}
    return state


def _weights(file: Any) -> Iterator[tuple[str, str, Array]]:
    """Yield layer, "kernel" or "bias", and array of every weight that does not belong to the optimiser.

    Keras 2 and the .h5 files of Keras 3 name the last folder LAYER/kernel:0; model.weights.h5 has LAYER/vars/0.
    """
    datasets: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: datasets.append((name, item)) if hasattr(item, "shape") else None)
    for name, item in datasets:
        folders = name.split("/")
        if folders[0].startswith("optimizer"):
            continue
        if len(folders) > 2 and folders[-2] == "vars":
            yield folders[-3], {"0": "kernel", "1": "bias"}.get(folders[-1], folders[-1]), np.asarray(item)
        elif len(folders) > 1:
            yield folders[-2], folders[-1].partition(":")[0], np.asarray(item)


def _name_layers(path: Path, arrays: list[tuple[str, str, Array]]) -> dict[str, tuple[Array, Array]]:
    """Return kernel and bias by layer name of the network, identified by kernel shapes, which are all different."""
    kernels = {layer: array for layer, kind, array in arrays if kind == "kernel"}
    biases = {layer: array for layer, kind, array in arrays if kind == "bias"}
    others = sorted({f"{layer}/{kind}" for layer, kind, _ in arrays if kind not in ("kernel", "bias")})
    layers: dict[str, tuple[Array, Array]] = {}
    for name, shape in KERNELS.items():
        fitting = [layer for layer, kernel in kernels.items() if _fits(kernel.shape, shape)]
        if len(fitting) != 1:
            shapes = ", ".join(str(kernel.shape) for kernel in kernels.values())
            wanted = str(shape).replace("None", "classes")
            raise ValueError(
                f"{path}: not the network of this paper: {len(fitting)} kernels of shape {wanted} ({name} of its Table "
                f"2); the file has {shapes or 'no kernel'}"
            )
        kernel, bias = kernels.pop(fitting[0]), biases.get(fitting[0])
        if bias is None or bias.shape != kernel.shape[-1:]:
            raise ValueError(
                f"{path}: layer {fitting[0]} has no bias of {kernel.shape[-1]} numbers, as the paper's has"
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise ValueError(f"{path}: layer {fitting[0]} holds weights that are not finite numbers; save it again")
        layers[name] = kernel.astype(np.float32), bias.astype(np.float32)
    if kernels or others:
        raise ValueError(
            f"{path}: not the network of this paper: it has weights of {', '.join([*kernels, *others])} too"
        )
    return layers


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    same = (size in (None, given) for given, size in zip(shape, wanted, strict=False))
    return len(shape) == len(wanted) and all(same)


def _read_description(path: Path, described: Any) -> tuple[str, tuple[float, ...] | None]:
    """Return the first convolution's padding and the dropout rates; reject differences that weights do not show.

    Raises:
        ValueError: the file describes other layers, or layers with other settings than the paper's.
    """
    try:
        layers = [(layer["class_name"], layer["config"]) for layer in described["config"]["layers"]]
        rates = tuple(float(config["rate"]) for kind, config in layers if kind == "Dropout")
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: its model_config lists no layers; save the network again with model.save") from None
    known = [(kind, config) for kind, config in layers if kind not in _WITHOUT_WEIGHTS]
    if tuple(kind for kind, _ in known) != _LAYERS:
        raise ValueError(
            f"{path}: not the network of this paper: its layers are {', '.join(kind for kind, _ in known)}"
        )
    for kind, config in known:
        name = config.get("name", kind)
        wanted: dict[str, Any] = {"data_format": "channels_last"} if kind != "Dense" else {}
        if kind == "Conv2D":
            wanted |= {"strides": [1, 1], "dilation_rate": [1, 1]}
        if kind == "MaxPooling2D":
            wanted |= {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}
        if kind == "Conv2D" and config is not known[0][1]:
            wanted["padding"] = "valid"
        for key, value in wanted.items():
            given = config.get(key, value)
            if (list(given) if isinstance(given, tuple | list) else given) != value:
                raise ValueError(f"{path}: layer {name} has {key} {given}, the paper's {value}; it is another network")
    rectified = sum(kind == "ReLU" or config.get("activation") == "relu" for kind, config in layers)
    if rectified != 5:
        raise ValueError(f"{path}: {rectified} layers have ReLU, the paper's network has five; it is another network")
    return str(known[0][1].get("padding", "valid")), rates if len(rates) == 4 else None
