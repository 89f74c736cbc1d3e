"""What is kept of each official FER-2013 image, none of which it shows: a digest, 4 x 4 ranks, and three figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SPLITS
from fer_plugins.data.images import digest_of, fit_image

SHIPPED = "fer2013_images.npz"
GRID = 4  # cells along a side; 4 x 4 tell photographs apart and show none
_SIDE = 48  # pixels; the figures are taken at this size


@dataclass(frozen=True)
class Descriptions:
    """One row an image in every column."""

    digest: npt.NDArray[np.uint64]  # of the pixels, see fer_plugins.data.images.digest_of
    ranks: npt.NDArray[np.uint8]  # (N, 16): mean rank of each cell's pixels in the image, 0 to 255
    mean: npt.NDArray[np.uint8]  # grey levels
    deviation: npt.NDArray[np.uint8]  # grey levels
    detail: npt.NDArray[np.uint8]  # mean difference of the ranks of neighbouring pixels, in thousandths


@dataclass(frozen=True)
class OfficialImages:
    """The official FER-2013 in the order of fer2013.csv."""

    images: Descriptions
    label: npt.NDArray[np.uint8]
    split: npt.NDArray[np.str_]


def _describe(image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], int, int, int]:
    """Return ranks, mean, deviation and detail of an image H x W x C, as in :class:`Descriptions`.

    Ranks do not change with brightness, contrast, gamma or histogram equalisation, and little with size, blur or JPEG.
    """
    grey = fit_image(image, _SIDE, 1)[..., 0]
    count = np.bincount(grey.ravel(), minlength=256)
    rank = ((np.cumsum(count) - count / 2) / grey.size)[grey].astype(np.float32)
    cells = rank.reshape(GRID, _SIDE // GRID, GRID, _SIDE // GRID).mean(axis=(1, 3))
    detail = (np.abs(np.diff(rank, axis=0)).mean() + np.abs(np.diff(rank, axis=1)).mean()) / 2
    return (
        np.round(cells * 255).astype(np.uint8).ravel(),
        round(float(grey.mean())),
        min(255, round(float(grey.std()))),
        min(255, round(1000 * float(detail))),
    )


def is_equalised(image: npt.NDArray[np.uint8]) -> bool:
    """Tell whether the grey levels of an image H x W x C are spread evenly: their ranks rise in proportion to them."""
    grey = fit_image(image, _SIDE, 1)
    count = np.bincount(grey.ravel(), minlength=256)
    level = np.flatnonzero(count)
    rank = ((np.cumsum(count) - count / 2) / grey.size)[level]
    # Few levels are even by chance; 127.5 and 73.9 are mean and deviation of all levels.
    if len(level) < 20 or abs(grey.mean() - 127.5) > 14 or abs(grey.std() - 73.9) > 10:
        return False
    return float(np.abs(rank - np.polyval(np.polyfit(level, rank, 1), level)).mean()) < 0.02


def describe_images(
    images: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8], known: npt.NDArray[np.uint64] | None = None
) -> Descriptions:
    """Describe images, each H x W x C; those whose digest is ``known`` by the digest alone, the rest of them is 0."""
    size = len(images)
    described = Descriptions(
        np.fromiter((int(digest_of(image), 16) for image in images), np.uint64, size),
        np.zeros((size, GRID**2), np.uint8),
        *(np.zeros(size, np.uint8) for _ in range(3)),
    )
    for row in np.flatnonzero(~np.isin(described.digest, [] if known is None else known)).tolist():
        described.ranks[row], described.mean[row], described.deviation[row], described.detail[row] = _describe(
            images[row]
        )
    return described


@cache
def read_official_images() -> OfficialImages:
    """Read what comes with the package."""
    with resources.files(__package__).joinpath(SHIPPED).open("rb") as stream, np.load(stream) as kept:
        columns = [kept[name] for name in ("digest", "ranks", "mean", "deviation", "detail")]
        split = np.repeat(np.array(SPLITS), kept["sizes"])
        return OfficialImages(Descriptions(*columns), kept["label"], split)
