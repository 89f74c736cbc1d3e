"""Writes ONNX files with the names of the classes in them, and runs them with ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnxscript import opset18
from torch.export import ExportedProgram

from fer_model_export.exported_network import INPUT, OUTPUTS, first_line, quiet
from fer_plugins.runtime.errors import InputError, RunError

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float64]


def _hypot(x: Any, y: Any) -> Any:
    return opset18.Sqrt(opset18.Add(opset18.Mul(x, x), opset18.Mul(y, y)))


# onnxscript has none for it; HOG features are made with it.
_TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.aten.hypot.default: _hypot}


def write_onnx(program: ExportedProgram, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a traced network: input ``image`` uint8 (batch, C, S, S), outputs ``logits`` and ``probabilities``.

    Args:
        program: as ``export_program`` returns it.
        path: of the file.
        metadata: kept in the file's metadata, text as it is and other values as JSON.

    Raises:
        RunError: ONNX has no operator for something that the network does.
    """
    try:
        with quiet():
            exported = torch.onnx.export(
                program,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                custom_translation_table=_TRANSLATIONS,
                dynamo=True,
                verbose=False,
            )
        model: onnx.ModelProto = exported.model_proto  # type: ignore[union-attr]
    except Exception as error:  # torch raises a dozen kinds
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise RunError(f"torch.onnx cannot translate this network: {first_line(cause)}") from error
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    add_metadata(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def add_metadata(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> None:
    """Set the metadata of a model; text stays as it is, other values become JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    onnx.helper.set_model_props(model, texts)


class OnnxNetwork:
    """An ONNX file that this package wrote, on the CPU.

    Args:
        path: of the file.
        threads: processor threads of one operator; None: as ONNX Runtime chooses.

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
        except Exception as error:  # its exceptions have no common class but this
            raise InputError(f"{path}: ONNX Runtime cannot read it: {first_line(error)}") from None

    def probabilities(self, images: Images) -> Probabilities:
        """Return the probabilities (B, K) of images (B, S, S, C)."""
        batch = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        (answer,) = self.session.run([OUTPUTS[1]], {INPUT: batch})
        probabilities: Probabilities = np.asarray(answer, dtype=np.float64)
        return probabilities
