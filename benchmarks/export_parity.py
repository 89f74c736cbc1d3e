"""Exports every installed architecture, untrained, with its recipe's input size: ONNX, 8-bit ONNX, and torch.export.

    python benchmarks/export_parity.py [NAME...] [--faces 16]

Prints one row of the table in docs/export.md per architecture, as soon as it is measured. Gaps between logits are
divided by their standard deviation over the faces, since the probabilities of an untrained network hardly differ. For
the 8-bit file (calibrated on the same faces) the table lists how many convolutions and matrix products are in 8 bits;
the loss of accuracy can only be measured on a trained network: fer export RUN --format onnx --quantize int8.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from fer_model_export import parity
from fer_model_export.network_files import (
    INPUT,
    ArchivedNetwork,
    ExportedNetwork,
    OnnxNetwork,
    export_program,
    write_archive,
    write_onnx,
)
from fer_model_export.parity import synthetic_faces
from fer_model_export.quantization import count_quantized, quantize

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.data.synthetic_faces.synthetic import CLASSES
from fer_plugins.runtime.errors import RunError
from fer_plugins.training.network import build_network

TITLES = (
    *("architecture", "input", "onnx", "gap, probability", "gap, logits", "MB"),
    *("in 8 bits", "gap, logits", "MB", "torch", "gap, probability", "s"),
)


def measure(name: str, faces: int) -> list[str]:
    """Return the cells of an architecture's row."""
    begin = time.monotonic()
    settings = config.resolve({"data": {"name": "synthetic"}}, plugin=name).config
    size, channels = settings.data.image_size, settings.data.channels
    torch.manual_seed(0)
    network = build_network(settings, len(CLASSES)).eval()
    images = synthetic_faces(faces, Preprocessing(image_size=size, channels=channels, classes=CLASSES))
    batch = np.ascontiguousarray(images.read(slice(0, faces)).transpose(0, 3, 1, 2))
    with torch.no_grad():
        logits, probabilities = (values.numpy() for values in ExportedNetwork(network)(torch.from_numpy(batch)))
    row = [name, f"{channels} x {size} x {size}"]
    try:
        program = export_program(copy.deepcopy(network), channels, size)
    except RunError as error:
        return [*row, str(error)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(folder, "model.onnx")
            write_onnx(program, path, {"classes": list(CLASSES)})
            onnx = OnnxNetwork(path)
            agreed = parity.check_parity("onnx", probabilities, onnx.probabilities, images)
            row += ["equal", f"{agreed.largest_gap:.0e}", *_logits_and_size(path, batch, logits)]
            small = Path(folder, "model.int8.onnx")
            quantize(path, small, images)
            row += ["{} of {}".format(*count_quantized(small)), *_logits_and_size(small, batch, logits)]
        except RunError as error:
            row += [str(error), *[""] * (8 - len(row))]
        try:
            path = Path(folder, "model.pt2")
            write_archive(program, path, {})
            agreed = parity.check_parity("torch", probabilities, ArchivedNetwork(path).probabilities, images)
            row += ["equal", f"{agreed.largest_gap:.0e}"]
        except RunError as error:
            row += [str(error), ""]
    return [*row, f"{time.monotonic() - begin:.0f}"]


def _logits_and_size(path: Path, batch: npt.NDArray[np.uint8], logits: npt.NDArray[np.float32]) -> list[str]:
    (answered,) = OnnxNetwork(path).session.run(["logits"], {INPUT: batch})
    relative = np.abs(np.asarray(answered) - logits).max() / logits.std(0).mean()
    return [f"{relative:.0e}", f"{path.stat().st_size / 1e6:.1f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[entry.name for entry in registry.available("architecture")])
    parser.add_argument("--faces", type=int, default=16)
    args = parser.parse_args()
    for cells in (TITLES, ["---"] * len(TITLES)):
        print(f"| {' | '.join(cells)} |", flush=True)
    for name in args.names:
        print(f"| {' | '.join(measure(name, args.faces))} |", flush=True)


if __name__ == "__main__":
    main()
