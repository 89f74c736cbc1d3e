"""Crop faces from a picture as in training, and flag those with unreliable predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import laplace

from fer_plugins.contract import Detector, Face
from fer_plugins.data.detectors.crop import find_faces, largest_face
from fer_plugins.data.preprocessing import Preprocessing, fit_image

SMALL = 0.5  # of the network's input side; smaller faces are enlarged more than twice
SHARPNESS_SIDE = 48  # pixels; a fixed size, so that the measure does not depend on the size of the face or network
# Threshold on the variance of the Laplacian. Below it are 0.2 % of FER-2013's test images, 96 % of the same images
# after a Gaussian blur of 1.5 pixels, and all after one of 2.
BLURRED = 100.0
UNCERTAIN = 0.5  # probability of the predicted class
FACE_SIDE = 128  # pixels; datasets of cropped faces have images of 48 to 100
NO_FACE, WHOLE = "no_face", "none"


@dataclass(frozen=True)
class CutFace:
    """A cropped face, ready for the network."""

    box: tuple[int, int, int, int]  # left, top, right, bottom in pixels, inside the picture
    score: float | None  # score of the detector
    prepared: npt.NDArray[np.uint8]  # (S, S, C)
    flags: tuple[str, ...]  # small, blurred


def as_colour(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Convert (H, W, 1) or (H, W, 3) to RGB (H, W, 3)."""
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def is_face_already(pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing) -> bool:
    """Return whether a picture counts as one face: no side is longer than 128 pixels, or than the network's input."""
    return int(max(pixels.shape[:2])) <= max(FACE_SIDE, preprocessing.image_size)


def cut_faces(
    pixels: npt.NDArray[np.uint8], detect: Detector, preprocessing: Preprocessing, *, largest: bool
) -> list[CutFace]:
    """Find the faces of a picture and preprocess each as in training, from left to right.

    Args:
        pixels: uint8 (H, W, 1) or (H, W, 3) RGB.
        detect: the detector.
        preprocessing: preprocessing of the run.
        largest: use only the largest face, as in training on photographs.
    """
    faces: Sequence[Face] = find_faces(detect, pixels)
    if largest and (face := largest_face(faces)) is not None:
        faces = [face]
    return [_cut(pixels, face, preprocessing) for face in sorted(faces, key=lambda face: face.box)]


def whole_picture(pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing) -> CutFace:
    """Return the whole picture as one face."""
    box = (0, 0, pixels.shape[1], pixels.shape[0])
    return CutFace(box, None, preprocessing.fit(pixels), _flags(pixels, box, preprocessing))


def _cut(pixels: npt.NDArray[np.uint8], face: Face, preprocessing: Preprocessing) -> CutFace:
    crop = preprocessing.crop(pixels, face)
    height, width = pixels.shape[:2]
    left, top = min(max(round(face.box[0]), 0), width - 1), min(max(round(face.box[1]), 0), height - 1)
    box = (left, top, max(min(round(face.box[2]), width), left + 1), max(min(round(face.box[3]), height), top + 1))
    return CutFace(box, face.score, preprocessing.fit(crop), _flags(crop, box, preprocessing))


def _flags(
    crop: npt.NDArray[np.uint8], box: tuple[int, int, int, int], preprocessing: Preprocessing
) -> tuple[str, ...]:
    small = min(box[2] - box[0], box[3] - box[1]) < SMALL * preprocessing.image_size
    flags = {"small": small, "blurred": sharpness(crop) < BLURRED}
    return tuple(name for name, is_set in flags.items() if is_set)


def sharpness(crop: npt.NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of a face's grey levels (0 to 255), resized to 48 x 48 pixels."""
    return float(laplace(fit_image(crop, SHARPNESS_SIDE, 1)[..., 0].astype(np.float64)).var())
