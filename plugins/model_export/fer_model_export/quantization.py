"""Static quantisation of an ONNX file to 8 bits, with its effect on accuracy, size and time."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from fer_model_export.network_files import INPUT, Images, OnnxNetwork, Probabilities, quiet
from fer_model_export.parity import compare
from fer_plugins.analysis.network import Split
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.paired import compare_accuracy
from fer_plugins.runtime.errors import RunError, first_line

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")  # operators with weights that can be quantised
RECURRENT = ("LSTM", "GRU", "RNN")  # operators that stay in float32
SECONDS = 0.5  # minimum duration of timing


class _CalibrationImages(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self, images: Split) -> None:
        self._batches: Iterator[Images] = (images.read(place) for place in images.slices())

    def get_next(self) -> dict[str, Images] | None:
        images = next(self._batches, None)
        return None if images is None else {INPUT: np.ascontiguousarray(images.transpose(0, 3, 1, 2))}


def quantize(source: Path, target: Path, images: Split) -> None:
    """Write an ONNX file with 8-bit weights and activations, as quantise and dequantise nodes (QDQ).

    Weights are scaled per output channel, activations by the minimum and maximum on ``images``.

    Raises:
        RunError: ONNX Runtime cannot quantise it.
    """
    prepared = target.with_suffix(".prepared")
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # hides its advice to prepare the file, which is done here
    try:
        with quiet():
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                prepared,
                target,
                _CalibrationImages(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_name_preparation(prepared),
            )
        properties = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
        model = onnx.load(target)
        onnx.helper.set_model_props(model, {**properties, "quantized": "int8"})
        onnx.save(model, target)
    except Exception as error:  # onnxruntime raises various types
        raise RunError(f"ONNX Runtime cannot quantise this network: {first_line(error, 200)}") from error
    finally:
        logging.root.setLevel(level)
        prepared.unlink(missing_ok=True)


def _name_preparation(path: Path) -> list[str]:
    """Name the nodes before all weights, also in the file, and return their names.

    They prepare the image, such as histograms of gradients: values that they compare and sort into bins are not
    rounded.
    """
    model = onnx.load(path)
    behind_weights: set[str] = set()
    names = []
    for number, node in enumerate(model.graph.node):
        if node.op_type in (*WEIGHTED, *RECURRENT) or behind_weights.intersection(node.input):
            behind_weights.update(node.output)
        else:
            node.name = node.name or f"preparation_{number}"
            names.append(node.name)
    onnx.save(model, path)
    return names


def count_quantized(path: Path) -> tuple[int, int]:
    """Return the number of convolutions and matrix products in 8 bits, and their total number."""
    nodes = onnx.load(path, load_external_data=False).graph.node
    made_by = {output: node.op_type for node in nodes for output in node.output}
    weighted = [node for node in nodes if node.op_type in WEIGHTED]
    quantized = [node for node in weighted if all(made_by.get(name) == "DequantizeLinear" for name in node.input[:2])]
    return len(quantized), len(weighted)


def measure(before: Path, after: Path, images: Split, probabilities: Sequence[Probabilities]) -> dict[str, Any]:
    """Compare an ONNX file with its quantised version.

    Args:
        before: file in float32.
        after: file in 8 bits.
        images: N images with their labels.
        probabilities: probabilities (N, K) of both files.

    Returns:
        ``images``, ``same_class``, ``largest_gap``; numbers of ``quantized`` and ``weighted`` operators; for
        ``float32`` and ``int8`` the ``bytes``, ``milliseconds`` (one image, processor time of one thread), ``accuracy``
        and ``f1`` (macro); ``accuracy_test`` as returned by ``compare_accuracy``.
    """
    labels, size = images.labels, probabilities[0].shape[1]
    predicted = [predict.argmax(1) for predict in probabilities]
    image = images.read(slice(0, 1))
    sides = {}
    for name, path, classes in zip(("float32", "int8"), (before, after), predicted, strict=True):
        confusion = np.zeros((size, size))
        np.add.at(confusion, (labels, classes), 1)
        sides[name] = {
            "bytes": path.stat().st_size,
            "milliseconds": 1e3 * time_one(OnnxNetwork(path, threads=1), image),
            "accuracy": float((classes == labels).mean()),
            "f1": float(macro_scores(confusion)["f1"]),
        }
    quantized, weighted = count_quantized(after)
    parity = compare(*probabilities)
    test = compare_accuracy(labels, predicted[0], predicted[1], size)
    return {
        "images": parity.images,
        "same_class": parity.same_class,
        "largest_gap": parity.largest_gap,
        "quantized": quantized,
        "weighted": weighted,
        **sides,
        "accuracy_test": test,
    }


def time_one(network: OnnxNetwork, image: Images) -> float:
    """Return the median seconds for one image (1, S, S, C), without the first pass.

    It runs on a single thread, this one, and takes its processor time, so that other processes do not count.
    """
    network.probabilities(image)
    seconds: list[float] = []
    while sum(seconds) < SECONDS:
        begin = time.thread_time()
        network.probabilities(image)
        seconds.append(time.thread_time() - begin)
    return statistics.median(seconds)
