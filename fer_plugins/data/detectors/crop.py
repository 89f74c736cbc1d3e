"""Crops an image to a face: square, with a margin, and optionally rotated so that the eyes are level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Detector, Face
from fer_plugins.runtime.errors import InputError

Align = Literal["none", "eyes"]
EYES = ("left_eye", "right_eye")  # as seen in the image
EYE_DISTANCE, EYE_HEIGHT = 0.37, 0.39  # fractions of the crop's side, as measured for FER-2013 in docs/detectors.md


def find_faces(detector: Detector, image: npt.NDArray[np.uint8]) -> Sequence[Face]:
    """Return the faces that a detector finds in an image (H, W, C) with 1 or 3 channels."""
    if image.shape[2] == 3 or getattr(detector, "takes_grey", False):
        return detector(image)
    return detector(image.repeat(3, axis=2))


def largest_face(faces: Sequence[Face]) -> Face | None:
    """Return the face with the largest box, or None if there are no faces; ties go to the upper, then the left face."""

    def rank(face: Face) -> tuple[float, float, float]:
        left, top, right, bottom = face.box
        return (right - left) * (bottom - top), -top, -left

    return max(faces, key=rank, default=None)


def crop_face(
    image: npt.NDArray[np.uint8], face: Face, *, align: Align = "none", margin: float = 0.0
) -> npt.NDArray[np.uint8]:
    """Return the square around a face; outside of the image, its border pixels are repeated.

    Args:
        image: (H, W, C).
        face: A face in the image. If its box is the whole image, the image is returned unchanged, square or not.
        align: "eyes" rotates and scales the image so that the eyes are level, 0.37 of the side apart and 0.39 below the
            top, as they are in FER-2013 on average; a face without eye points is cropped as with "none".
        margin: Margin added on each side, as a fraction of the square's side.

    Returns:
        (S, S, C); S is the longer side of the box, or the distance between the eyes divided by 0.37, plus the margins.
    """
    height, width = image.shape[:2]
    if align == "eyes" and has_eyes(face):
        return _aligned(image, face, margin)
    left, top, right, bottom = face.box
    if margin == 0 and (left, top, right, bottom) == (0, 0, width, height):
        return image
    size = max(right - left, bottom - top) * (1 + 2 * margin)
    side = max(1, round(size))
    first_row, first_column = round((top + bottom - side) / 2), round((left + right - side) / 2)
    rows = np.clip(np.arange(first_row, first_row + side), 0, height - 1)
    columns = np.clip(np.arange(first_column, first_column + side), 0, width - 1)
    return image[rows[:, None], columns]


def has_eyes(face: Face) -> bool:
    """Return whether a face has two eye points at different positions."""
    return all(name in face.points for name in EYES) and face.points[EYES[0]] != face.points[EYES[1]]


def check_align(align: str, detector: Detector, name: str) -> None:
    """Raise InputError if ``align`` is unknown, or is "eyes" and the detector does not find eyes."""
    if align not in ("none", "eyes"):
        raise InputError(f"face_align: {align!r} is not known; give none or eyes")
    if align == "eyes" and not set(EYES) <= set(getattr(detector, "point_names", ())):
        raise InputError(
            f"face_align: detector {name} finds no eyes; take a detector that does, such as face_crop centerface, or "
            "face_align none"
        )


def _aligned(image: npt.NDArray[np.uint8], face: Face, margin: float) -> npt.NDArray[np.uint8]:
    from skimage.transform import warp

    (x0, y0), (x1, y1) = (face.points[name] for name in EYES)
    distance = float(np.hypot(x1 - x0, y1 - y0))
    inner = distance / EYE_DISTANCE  # side without the margins
    side = max(1, round(inner * (1 + 2 * margin)))
    cos, sin = (x1 - x0) / distance, (y1 - y0) / distance
    # Map a pixel of the crop, relative to the midpoint of the eyes, to the image by a rotation and a shift.
    # Coordinates of warp refer to pixel centres and are half a pixel less than those of a face.
    x, y = 0.5 - side / 2, 0.5 - side / 2 + (0.5 - EYE_HEIGHT) * inner
    matrix = np.array(
        [
            [cos, -sin, (x0 + x1) / 2 - 0.5 + cos * x - sin * y],
            [sin, cos, (y0 + y1) / 2 - 0.5 + sin * x + cos * y],
            [0, 0, 1],
        ]
    )
    turned = warp(  # type: ignore[no-untyped-call]
        image, matrix, output_shape=(side, side), order=1, mode="edge", preserve_range=True
    )
    crop: npt.NDArray[np.uint8] = np.clip(np.rint(turned), 0, 255).astype(np.uint8)
    return crop
