"""The network as it is exported: bytes in, logits and probabilities out, for any number of images."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from fer_plugins.runtime.errors import RunError

INPUT, OUTPUTS = "image", ("logits", "probabilities")


class ExportedNetwork(nn.Module):
    """Scales bytes to [0, 1] before the network and adds a softmax behind it.

    Args:
        network: maps (B, C, S, S) float32 in [0, 1] to logits (B, K).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and probabilities, each (B, K) float32, of images (B, C, S, S) uint8."""
        logits = self.network(image.to(torch.float32) / 255)
        return logits, logits.softmax(1)


def export_program(network: nn.Module, channels: int, size: int) -> ExportedProgram:
    """Trace a network in evaluation mode, on the CPU and in float32; the number of images stays free.

    Args:
        network: as ``ExportedNetwork`` takes it.
        channels: C, 1 or 3.
        size: S, pixels.

    Raises:
        RunError: torch cannot trace it.
    """
    traced = ExportedNetwork(network.float()).eval()
    images = torch.zeros((2, channels, size, size), dtype=torch.uint8)
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(traced, (images,), dynamic_shapes=({0: Dim("batch")},))
    except Exception as error:  # torch raises a dozen kinds
        raise RunError(f"torch.export cannot trace this network: {first_line(error)}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress and the warnings of torch's exporters off the terminal."""
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


def first_line(error: Exception) -> str:
    """Return the kind and the first line of an error's text, at most 200 characters."""
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}"[:200]
