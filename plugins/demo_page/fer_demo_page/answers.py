"""Answers to requests of the page: the faces of a picture, and the saliency of a prediction."""

from __future__ import annotations

import base64
import io
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fer_face_prediction.picture import Picture, decode_picture
from fer_face_prediction.pipeline import FaceSearch, PredictedFace, predict_pictures
from fer_face_prediction.predictor import Predictor
from fer_robustness_tests.saliency import METHODS, Examples, find_maps
from PIL import Image

from fer_plugins.analysis.network import as_batch
from fer_plugins.runtime.errors import InputError

MAPS = tuple(name for name in METHODS if name != "explain")  # explain returns pictures of any shape
LEVELS = 100  # the maximum absolute value of a map is scaled to this


class Answers:
    """Answers about pictures, one at a time, since the network and the largest picture share the memory.

    Args:
        predictor: predictor of the run.
        search: how faces are detected.
    """

    def __init__(self, predictor: Predictor, search: FaceSearch) -> None:
        self._predictor, self._search, self._lock = predictor, search, threading.Lock()

    def predict(self, data: bytes, *, frame: bool, whole: bool) -> dict[str, Any]:
        """Return the faces of a picture with their probabilities.

        Args:
            data: the image file.
            frame: whether it is a camera frame, which is searched for faces whatever its size.
            whole: whether the picture is one face, without detection.

        Returns:
            ``width``, ``height``, ``detector``, ``milliseconds``, and ``faces``, each with ``box`` (left, top, right,
            bottom in pixels, or None), ``predicted``, ``probabilities`` (K,), ``flags``, and ``input``, the network's
            input as a base64 PNG.

        Raises:
            InputError: the picture cannot be read.
            RunError: the detector fails.
        """
        start = time.perf_counter()
        search = replace(self._search, detect=None) if whole else self._search
        with self._lock:
            pixels = decode_picture(data, "this picture")
            picture = Picture("this picture", pixels, frame=0 if frame else None)
            [predicted] = predict_pictures([picture], self._predictor, search)
        return {
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "detector": predicted.detector,
            "faces": [_as_json(face) for face in predicted.faces],
            "milliseconds": round(1000 * (time.perf_counter() - start), 1),
        }

    def explain(self, data: bytes, *, method: str, label: int) -> dict[str, Any]:
        """Return the saliency of each pixel of a face for a class.

        Args:
            data: the PNG returned by ``predict`` as ``input``.
            method: one of ``MAPS``; see ``find_maps``.
            label: index of the class.

        Returns:
            ``side`` S; ``peak``, the maximum absolute value; ``values``, S x S integers, row by row, in hundredths of
            the peak.

        Raises:
            InputError: unknown method or class, another size, or the method does not work on this network.
        """
        predictor = self._predictor
        if method not in MAPS or not 0 <= label < len(predictor.classes):
            raise InputError("unknown method or class; reload the page")
        with self._lock:
            pixels = decode_picture(data, "this face")
            side = predictor.preprocessing.image_size
            if pixels.shape != (side, side, predictor.preprocessing.channels):
                raise InputError("this face is not one that the network saw; reload the page")
            face = Examples(as_batch(pixels[None]), [""], [""], [0.0], torch.tensor([label]), [""])
            try:
                [values] = find_maps(method, predictor.network, face, seed=0)
            except InputError as error:
                remedy = "choose occlusion" if method != "occlusion" else "no map can be made of it"
                raise InputError(f"{method} does not work on this network; {remedy}") from error
        peak = float(np.abs(values).max())
        scaled = np.rint(values / (peak or 1.0) * LEVELS).astype(int)
        return {"side": side, "peak": peak, "values": scaled.ravel().tolist()}


def _as_json(face: PredictedFace) -> dict[str, Any]:
    if face.probabilities is None or face.prepared is None:
        return {"box": None, "flags": face.flags}
    return {
        "box": face.box,
        "predicted": face.predicted,
        "probabilities": [round(value, 6) for value in face.probabilities.tolist()],
        "flags": face.flags,
        "input": _as_png(face.prepared),
    }


def _as_png(pixels: npt.NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
