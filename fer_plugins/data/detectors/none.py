"""The detector `none`, which takes the whole image as the face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Detector, Face


def none() -> Detector:
    """Return the detector that takes the whole image as one face, for datasets of cropped faces."""
    return _whole_picture


def _whole_picture(image: npt.NDArray[np.uint8]) -> list[Face]:
    return [Face((0.0, 0.0, float(image.shape[1]), float(image.shape[0])))]
