"""Write a network as ONNX file or torch.export archive, from bytes to probabilities, and run such files."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnxscript import opset18, optimizer
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from fer_plugins.runtime.errors import InputError, RunError, first_line

INPUT, OUTPUTS = "image", ("logits", "probabilities")


class ExportedNetwork(nn.Module):
    """A network with scaling of bytes to [0, 1] before it and a softmax after it.

    Args:
        network: maps (B, C, S, S) float32 in [0, 1] to logits (B, K).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and probabilities, each (B, K) float32, for images (B, C, S, S) uint8."""
        logits = self.network(image.to(torch.float32) / 255)
        return logits, logits.softmax(1)


def export_program(network: nn.Module, channels: int, size: int) -> ExportedProgram:
    """Trace a network in evaluation mode, on the CPU and in float32, with a dynamic batch size.

    Raises:
        RunError: torch cannot trace it.
    """
    traced = ExportedNetwork(network.float()).eval()
    images = torch.zeros((2, channels, size, size), dtype=torch.uint8)
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(traced, (images,), dynamic_shapes=({0: Dim("batch")},))
    except Exception as error:  # torch raises various types
        raise RunError(f"torch.export cannot trace this network: {first_line(error, 200)}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide progress and warnings of torch's exporters."""
    names = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "root")
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in names}
    try:
        for logger in levels:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


METADATA = "metadata.json"  # among the archive's extra files


def write_archive(program: ExportedProgram, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a traced network and its metadata."""
    with quiet():
        torch.export.save(program, path, extra_files={METADATA: json.dumps(metadata)})


class ArchivedNetwork:
    """An archive, loaded without the plug-in of its network.

    Attributes:
        metadata: as passed to ``write_archive``.
    """

    def __init__(self, path: Path) -> None:
        texts = {METADATA: ""}
        with quiet():
            self._network = torch.export.load(path, extra_files=texts).module()
        self.metadata: dict[str, Any] = json.loads(texts[METADATA])

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Return the probabilities (B, K) for images (B, S, S, C)."""
        batch = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        with torch.no_grad():
            probabilities: npt.NDArray[np.float64] = self._network(batch)[1].double().numpy()
        return probabilities


Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float64]


def _hypot(x: Any, y: Any) -> Any:
    return opset18.Sqrt(opset18.Add(opset18.Mul(x, x), opset18.Mul(y, y)))


def _atan2(y: Any, x: Any) -> Any:
    # Any: onnxscript types operators by accepted values, and a constant may have any type.
    zero: Any = opset18.Constant(value_float=0.0)
    pi: Any = opset18.Constant(value_float=math.pi)
    is_zero = opset18.Equal(x, zero)
    slope = opset18.Div(y, opset18.Where(is_zero, opset18.Constant(value_float=1.0), x))
    upright = opset18.Mul(opset18.Sign(y), opset18.Constant(value_float=math.pi / 2))
    angle = opset18.Where(is_zero, upright, opset18.Atan(slope))
    turned = opset18.Add(angle, opset18.Where(opset18.Less(y, zero), opset18.Neg(pi), pi))
    return opset18.Where(opset18.Less(x, zero), turned, angle)


# Used by HOG features. onnxscript has no hypot, and its atan2 divides by 0: infinite values, which have no scale in 8
# bits.
_TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.hypot.default: _hypot,
    torch.ops.aten.atan2.default: _atan2,
}


def write_onnx(program: ExportedProgram, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a traced network: input ``image`` uint8 (batch, C, S, S), outputs ``logits`` and ``probabilities``.

    Raises:
        RunError: ONNX has no operator for an operation of the network.
    """
    try:
        with quiet():
            exported = torch.onnx.export(
                program,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                custom_translation_table=_TRANSLATIONS,
                dynamo=True,
                optimize=False,  # its rules treat x + 1e-10 as x + 0, and a blank image then divides 0 by 0
                verbose=False,
            )
            for simplify in (optimizer.inline, optimizer.fold_constants, optimizer.remove_unused_nodes):
                simplify(exported.model)  # type: ignore[union-attr]
        model: onnx.ModelProto = exported.model_proto  # type: ignore[union-attr]
    except Exception as error:  # torch raises various types
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise RunError(f"torch.onnx cannot translate this network: {first_line(cause, 200)}") from error
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    add_metadata(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def add_metadata(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> None:
    """Set the metadata of a model; strings are kept, other values become JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    onnx.helper.set_model_props(model, texts)


class OnnxNetwork:
    """An ONNX file written by this package, on the CPU.

    Args:
        path: the ONNX file.
        threads: number of CPU threads per operator; None: chosen by ONNX Runtime.

    Raises:
        InputError: ONNX Runtime cannot read it.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        if threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = threads
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no other common class
            raise InputError(f"{path}: ONNX Runtime cannot read it: {first_line(error, 200)}") from None

    def probabilities(self, images: Images) -> Probabilities:
        """Return the probabilities (B, K) for images (B, S, S, C)."""
        batch = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        (output,) = self.session.run([OUTPUTS[1]], {INPUT: batch})
        probabilities: Probabilities = np.asarray(output, dtype=np.float64)
        return probabilities
