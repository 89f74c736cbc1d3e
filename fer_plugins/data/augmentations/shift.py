"""Compares the level of detail of training and validation images.

A copy of a dataset whose training split was blurred, recompressed or upscaled has the right counts but different
images. The test split is not read, because it is sealed when this runs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CUTOFF = 1 / 8  # cycles per pixel; blurring, upscaling and strong compression remove higher frequencies
COMPARED = 512  # maximum number of images per split
PIXELS = COMPARED * 96**2  # maximum number of pixels per split, for large images
FACTOR = 5.0  # medians of unaltered splits differ by a few per cent


def detail(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the fraction of each image's spectral power above 1/8 cycle per pixel.

    (N, H, W, C) uint8 -> (N,) fractions; 0 for a constant image. The mean is subtracted and a Hann window applied, so
    that neither brightness nor the border matters.
    """
    grey = images.mean(axis=3, dtype=np.float64)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    height, width = grey.shape[1:]
    power = np.abs(np.fft.fft2(grey * np.hanning(height)[:, None] * np.hanning(width))) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    total = power.sum(axis=(1, 2))
    high = power[:, frequency > CUTOFF].sum(axis=1)
    share: npt.NDArray[np.float64] = np.divide(high, total, out=np.zeros_like(total), where=total > 0)
    return share


def compare_detail(
    images: npt.NDArray[np.uint8], train: npt.NDArray[np.int64], val: npt.NDArray[np.int64]
) -> str | None:
    """Return a warning if training and validation images differ in detail by more than a factor of 5, else None.

    Args:
        images: All images of the dataset, (N, H, W, C) uint8.
        train: Rows of the training split.
        val: Rows of the validation split.
    """
    medians = {}
    for name, rows in (("training", train), ("validation", val)):
        number = min(COMPARED, len(rows), max(1, PIXELS // (images.shape[1] * images.shape[2])))
        sample = rows[np.linspace(0, len(rows) - 1, number).astype(int)]
        medians[name] = float(np.median(detail(images[sample])))
    softer, sharper = sorted(medians, key=lambda name: medians[name])
    if medians[sharper] <= FACTOR * max(medians[softer], 1e-6):
        return None
    return (
        f"the {softer} images are much softer than the {sharper} images: the share of spectral power above 1/8 cycle a "
        f"pixel has medians {medians[softer]:.2g} and {medians[sharper]:.2g}. One split of this copy was blurred or "
        "upscaled; scores are not comparable with those on the release"
    )
