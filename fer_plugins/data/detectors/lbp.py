"""The detector `lbp`: scikit-image's cascade of local binary patterns, trained by OpenCV on frontal faces."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Face

_WINDOW = 24  # side of the cascade's window in pixels


class LBP:
    """Detects frontal, upright faces with scikit-image's cascade, without scores or points.

    For photographs: it misses many faces in datasets of cropped faces. Boxes are squares inside the image.

    Args:
        smallest: minimum side of a face, as a fraction of the image's shorter side; assumed: smaller faces are people
            in the background.
        scale_factor: ratio between consecutive sizes of the search window; scikit-image's usual value.
        step_ratio: factor of the search window's step; 1 searches exhaustively.
    """

    takes_grey = True

    def __init__(
        self,
        *,
        smallest: Annotated[float, "0..1"] = 0.2,
        scale_factor: Annotated[float, "1.01..4"] = 1.2,
        step_ratio: Annotated[float, "1..4"] = 1.0,
    ) -> None:
        self._smallest, self._scale_factor, self._step_ratio = smallest, scale_factor, step_ratio
        self._cascade: Any = None

    def __call__(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces of an RGB or grey image (H, W, C)."""
        if self._cascade is None:
            from skimage.data import lbp_frontal_face_cascade_filename
            from skimage.feature import Cascade

            self._cascade = Cascade(lbp_frontal_face_cascade_filename())  # type: ignore[no-untyped-call]
        height, width = image.shape[:2]
        shorter = min(height, width)
        least = max(_WINDOW, round(self._smallest * shorter))
        if shorter < least:
            return []
        windows = self._cascade.detect_multi_scale(
            img=image[..., 0] if image.shape[2] == 1 else image,
            scale_factor=self._scale_factor,
            step_ratio=self._step_ratio,
            min_size=(least, least),
            max_size=(shorter, shorter),
        )
        faces = []
        for window in windows:
            top, left = window["r"], window["c"]
            side = min(window["width"], window["height"], height - top, width - left)
            faces.append(Face((float(left), float(top), float(left + side), float(top + side))))
        return faces

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cascade": None}  # a compiled object; a copy loads it again
