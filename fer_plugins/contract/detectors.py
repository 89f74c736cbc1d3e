"""What a plug-in offers for photographs: a detector of faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Face:
    """A face in an image.

    Coordinates are in pixels from the image's top left corner, x to the right and y down: the pixel in row r and
    column c covers c to c + 1 and r to r + 1. A box may reach beyond the image.
    """

    box: tuple[float, float, float, float]  # left, top, right, bottom; left < right and top < bottom
    score: float | None = None  # how sure the detector is, in [0, 1]; None where it does not say
    # Name -> (x, y): "left_eye" and "right_eye" as seen in the image (left_eye has the smaller x), "nose",
    # "left_mouth", "right_mouth", others; empty where the detector finds none.
    points: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Detector(Protocol):
    """Finds faces: deterministic, picklable, and it leaves the image as it is.

    Optional members: ``point_names``, the names of the points that its faces have (absent: it finds none);
    ``takes_grey = True``, where it takes images of shape (H, W, 1) as well (absent: a grey image is repeated to RGB).
    """

    def __call__(self, image: npt.NDArray[np.uint8]) -> Sequence[Face]:
        """Return the faces in an RGB image of shape (H, W, 3), in any order; empty where there are none."""
        ...


class DetectorFactory(Protocol):
    """``fer_plugins.detectors``: every option is typed and has a default; weights lie in the distribution.

    A library that is missing, or lacks what is needed, is refused here with ``ValueError`` and a remedy, raised from
    the ``ImportError``. Loading may wait until the first image. A module that names such libraries at its top, as
    ``NEEDS = ("cv2",)``, lets ``fer list`` say that they are missing without importing it.
    """

    def __call__(self) -> Detector:
        """Build the detector."""
        ...
