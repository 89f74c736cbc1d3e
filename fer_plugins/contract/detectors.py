"""The contract of face detectors, which crop photographs to faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Face:
    """A face detected in an image.

    Coordinates are in pixels from the top left corner of the image, x to the right and y down: the pixel in row r and
    column c covers c to c + 1 and r to r + 1. A box may extend beyond the image.
    """

    box: tuple[float, float, float, float]  # left, top, right, bottom; left < right and top < bottom
    score: float | None = None  # confidence in [0, 1]; None if the detector gives none
    # Name -> (x, y): "left_eye" and "right_eye" as seen in the image (left_eye has the smaller x), "nose",
    # "left_mouth", "right_mouth", others; empty if the detector gives none.
    points: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Detector(Protocol):
    """Detects faces. Must be deterministic and picklable, and must not modify the image.

    Optional members: ``point_names``, the names of the points that its faces have (default: none); ``takes_grey =
    True`` if it also accepts images of shape (H, W, 1) (default: grey images are repeated to RGB).
    """

    def __call__(self, image: npt.NDArray[np.uint8]) -> Sequence[Face]:
        """Return the faces in an RGB image of shape (H, W, 3), in any order; an empty sequence if there are none."""
        ...


class DetectorFactory(Protocol):
    """``fer_plugins.detectors``: every option is typed and has a default; weights are part of the distribution.

    If a library is missing or unsuitable, the factory raises ``ValueError`` with a remedy, from the ``ImportError``.
    Loading weights may wait until the first image. A module that lists the libraries it needs at its top level, such as
    ``NEEDS = ("cv2",)``, lets ``fer list`` show that they are missing without importing it.
    """

    def __call__(self) -> Detector:
        """Build the detector."""
        ...
