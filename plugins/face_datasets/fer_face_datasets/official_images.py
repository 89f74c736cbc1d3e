"""Descriptions of the official FER-2013 images, none of which reveals the image, and a search among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SPLITS
from fer_plugins.data.images import digest_of, fit_image

SHIPPED = "fer2013_images.npz"
GRID = 4  # cells per side; 4 x 4 cells distinguish photographs without revealing them
_SIDE = 48  # pixels; descriptions are computed at this size


@dataclass(frozen=True)
class Descriptions:
    """One row per image in every column."""

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
    """Return whether the grey levels of an image H x W x C are evenly spread: ranks are proportional to levels."""
    grey = fit_image(image, _SIDE, 1)
    count = np.bincount(grey.ravel(), minlength=256)
    level = np.flatnonzero(count)
    rank = ((np.cumsum(count) - count / 2) / grey.size)[level]
    # Few levels may be even by chance; 127.5 and 73.9 are mean and deviation of all levels.
    if len(level) < 20 or abs(grey.mean() - 127.5) > 14 or abs(grey.std() - 73.9) > 10:
        return False
    return float(np.abs(rank - np.polyval(np.polyfit(level, rank, 1), level)).mean()) < 0.02


def describe_images(
    images: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8], known: npt.NDArray[np.uint64] | None = None
) -> Descriptions:
    """Describe images, each H x W x C; for those with a digest in ``known``, only the digest, with 0 for the rest."""
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
    """Read the descriptions shipped with the package."""
    with resources.files(__package__).joinpath(SHIPPED).open("rb") as stream, np.load(stream) as arrays:
        columns = [arrays[name] for name in ("digest", "ranks", "mean", "deviation", "detail")]
        split = np.repeat(np.array(SPLITS), arrays["sizes"])
        return OfficialImages(Descriptions(*columns), arrays["label"], split)


# Chosen from altered copies and from other photographs; docs/fer2013.md has the measurements.
MOST_DISTANCE = 12.0  # root mean square of the ranks; images farther away are other photographs
_CLEAR = 0.7  # of the distance to the next photograph; a nearest image above this fraction is not accepted
_TIE = 1.0  # official images whose distance exceeds the nearest by no more than this are candidates too
_LEAST_SPREAD = 10.0  # deviation of the 16 ranks; images below are flat or noise, and resemble one another
_BY_CHANCE = 0.1  # fraction of altered images; fewer matches may be chance (1 in 80 other photographs)
_NEIGHBOURS = 12

Rows = npt.NDArray[np.int64]
NONE = -1


@dataclass(frozen=True)
class Match:
    """The official image of each image of a copy."""

    row: Rows  # (N,) row of the official table, or NONE; no row twice
    like: Rows  # (N,) official image that it is or resembles, even if another image was assigned that row; or NONE
    exact: npt.NDArray[np.bool_]  # (N,) the pixels are those of the official image
    mirrored: npt.NDArray[np.bool_]  # (N,) ``like`` is the mirror image
    unique: npt.NDArray[np.bool_]  # (N,) no other official image has these pixels


def match_images(
    described: Descriptions, label: Rows, split: npt.NDArray[np.str_], official: OfficialImages, group: Rows
) -> Match:
    """Find the official image of each image; among several candidates, one with the same label and split is preferred.

    ``group`` (M,) has the same number for official images that are copies of each other.
    """
    size = len(described.digest)
    by_digest = defaultdict(list)
    for number, digest in enumerate(official.images.digest.tolist()):
        by_digest[digest].append(number)
    candidates = [by_digest.get(digest, []) for digest in described.digest.tolist()]
    exact = np.array([bool(rows) for rows in candidates], dtype=bool)
    unique = np.array([len(rows) == 1 for rows in candidates], dtype=bool)
    mirrored = np.zeros(size, bool)
    changed = np.flatnonzero(~exact)
    if len(changed):
        resembling = _resembling(described.ranks[changed], official, group)
        if sum(bool(rows) for rows, _ in resembling) > _BY_CHANCE * len(changed):
            for place, (rows, flipped) in zip(changed, resembling, strict=True):
                candidates[place], mirrored[place] = rows, flipped
    row, like = np.full(size, NONE), np.array([rows[0] if rows else NONE for rows in candidates], np.int64)
    free = np.ones(len(official.label), bool)

    # Certain matches first: by pixels, then by content, then by mirrored content. Among copies, the one with the same
    # label and split, then the one with the same label.
    for chosen in (exact, ~exact & ~mirrored, ~exact & mirrored):
        for strictness in (2, 1, 0):
            for place in np.flatnonzero(chosen & (row == NONE)):
                for number in candidates[place]:
                    agreeing = strictness < 1 or official.label[number] == label[place]
                    agreeing &= strictness < 2 or official.split[number] == split[place]
                    if free[number] and agreeing:
                        row[place] = like[place] = number
                        free[number] = False
                        break
    return Match(row, like, exact, mirrored, unique)


def _resembling(ranks: npt.NDArray[np.uint8], official: OfficialImages, group: Rows) -> list[tuple[list[int], bool]]:
    """Return the candidate official images of each of ``ranks`` (K, 16), [] for none, and whether mirrored."""
    from sklearn.neighbors import NearestNeighbors  # takes a second, not needed for exact copies

    distinct, number = np.unique(official.images.ranks, axis=0, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(number.ravel()[order])) + 1)
    photograph = np.array([group[rows[0]] for rows in members])
    structured = np.flatnonzero(distinct.std(axis=1) >= _LEAST_SPREAD)
    index = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(structured)), algorithm="brute")
    index.fit(distinct[structured].astype(np.float32))
    mirror = ranks.reshape(-1, GRID, GRID)[:, :, ::-1].reshape(len(ranks), -1)
    searched = [index.kneighbors(queries.astype(np.float32)) for queries in (ranks, mirror)]
    results = []
    for place, spread in enumerate(ranks.std(axis=1)):
        flipped = bool(searched[1][0][place, 0] < searched[0][0][place, 0])
        distances, keys = searched[flipped][0][place] / GRID, structured[searched[flipped][1][place]]
        other_photographs = distances[photograph[keys] != photograph[keys[0]]]
        near = spread >= _LEAST_SPREAD and distances[0] <= MOST_DISTANCE
        clear = near and (len(other_photographs) == 0 or distances[0] <= _CLEAR * other_photographs[0])
        rows = [row for key in keys[distances <= distances[0] + _TIE] for row in members[key].tolist()] if clear else []
        results.append((rows, flipped and clear))
    return results
