"""The detector `haar`: OpenCV's cascade of Haar features (Viola and Jones 2001)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Face
from fer_plugins.data.detectors.opencv_package import import_opencv, opencv_command

NEEDS = ("cv2",)  # packages in addition to the dependencies of the core


class Haar:
    """Detects upright faces with OpenCV's Haar cascade, without scores or points. Boxes are squares.

    The defaults are those usual in tutorials and papers: a scale factor of 1.3, 5 neighbours, the frontal cascade.

    Args:
        scale_factor: ratio between consecutive sizes of the search window.
        min_neighbors: number of overlapping windows required for a face; larger values give fewer false faces, but also
            fewer faces.
        smallest: minimum side of a face, as a fraction of the image's shorter side; 0 for the cascade's minimum of 24
            pixels.
        cascade: cascade of OpenCV, the file haarcascade_NAME.xml.

    Raises:
        ValueError: No OpenCV with cascades is installed; OpenCV 5 has none.
    """

    takes_grey = True

    def __init__(
        self,
        *,
        scale_factor: Annotated[float, "1.01..4"] = 1.3,
        min_neighbors: Annotated[int, "0..100"] = 5,
        smallest: Annotated[float, "0..1"] = 0.0,
        cascade: Literal[
            "frontalface_default", "frontalface_alt", "frontalface_alt2", "frontalface_alt_tree", "profileface"
        ] = "frontalface_default",
    ) -> None:
        _import_opencv()
        self._scale_factor, self._min_neighbors, self._smallest = scale_factor, min_neighbors, smallest
        self._name = cascade
        self._cascade: Any = None

    def __call__(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces of an RGB or grey image (H, W, C)."""
        cv2 = _import_opencv()
        if self._cascade is None:
            self._cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{self._name}.xml")
        least = round(self._smallest * min(image.shape[:2]))
        boxes = self._cascade.detectMultiScale(
            image if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
            scaleFactor=self._scale_factor,
            minNeighbors=self._min_neighbors,
            minSize=(least, least),
        )
        return [
            Face((float(left), float(top), float(left + width), float(top + height)))
            for left, top, width, height in boxes
        ]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cascade": None}  # cannot be pickled; a copy loads it again


def _import_opencv() -> Any:
    try:
        cv2 = import_opencv()
        if not hasattr(cv2, "CascadeClassifier"):
            raise ImportError("cv2 has no CascadeClassifier")
    except ImportError as error:
        raise ValueError(
            f"needs an OpenCV with Haar cascades, which OpenCV 5 has not; remedy: {opencv_command()}, or take the "
            "detector lbp"
        ) from error
    return cv2
