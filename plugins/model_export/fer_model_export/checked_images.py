"""The images that an export is checked on: the run's validation split, or synthetic faces where it is not there."""

from __future__ import annotations

import numpy as np

from fer_plugins.analysis.network import Split
from fer_plugins.config import registry
from fer_plugins.data.preprocessing import Preprocessing

SMALLEST_FACE = 24  # pixels that the synthetic dataset draws at least


def draw_faces(number: int, preprocessing: Preprocessing) -> Split:
    """Return synthetic faces, as the network takes them.

    Args:
        number: of images, at least 1.
        preprocessing: of the run.
    """
    side = max(SMALLEST_FACE, preprocessing.image_size)
    least = 63  # images of 3 subjects, 7 classes and 3 frames: the smallest dataset
    samples = -(-max(number, least) // least) * least
    faces = registry.build(
        "dataset", "synthetic", samples=samples, subjects=3, image_size=side, channels=preprocessing.channels
    )
    order = np.linspace(0, samples - 1, number).round().astype(int)
    images = np.stack([preprocessing.fit(faces[int(place)]) for place in order])
    return Split(
        "synthetic", np.arange(number), np.zeros(number, dtype=np.int64), np.full(number, ""), images.__getitem__, 16
    )
