"""Finds the official image that each image of a copy of FER-2013 is, by its pixels or by what it shows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_plugins.data.audit.official_images import GRID, Descriptions, OfficialImages

# Chosen from altered copies and from other photographs; the measurements stand in docs/fer2013.md.
MOST_DISTANCE = 12.0  # root mean square of the ranks; farther images are other photographs
_CLEAR = 0.7  # of the distance to the next photograph; a nearest one that is no clearer is not believed
_TIE = 1.0  # official images that are so much farther than the nearest may be meant as well
_LEAST_SPREAD = 10.0  # deviation of the 16 ranks; images of less are flat, or noise, and resemble one another
_BY_CHANCE = 0.1  # share of the altered images; no more are matched where all are other photographs (1 in 80 is)
_NEIGHBOURS = 12

Rows = npt.NDArray[np.int64]
NONE = -1


@dataclass(frozen=True)
class Match:
    """Which official image each image of a copy is."""

    row: Rows  # (N,) row of the official table, or NONE; no row twice
    like: Rows  # (N,) the official image that it is or resembles, even where another image took that row; or NONE
    exact: npt.NDArray[np.bool_]  # (N,) the pixels are the official ones
    mirrored: npt.NDArray[np.bool_]  # (N,) ``like`` is the mirrored one
    unique: npt.NDArray[np.bool_]  # (N,) no other official image has these pixels


def match_images(
    described: Descriptions, label: Rows, split: npt.NDArray[np.str_], official: OfficialImages, group: Rows
) -> Match:
    """Find the official image of each image; of several that could be meant one with its label and split is taken.

    Args:
        described: N images.
        label: (N,) codes.
        split: (N,) names.
        official: M images.
        group: (M,) the same number for official images that are copies of each other.
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

    # Those that are certain first: the pixels, then what an image shows, then what it shows mirrored. Of twins, the one
    # with label and split, then the one with the label.
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
    """Return the official images that each image could be, and whether mirrored: [] where none is clearly the nearest.

    Args:
        ranks: (K, 16) of the images.
        official: M images.
        group: (M,) see :func:`match_images`.
    """
    from sklearn.neighbors import (
        NearestNeighbors,
    )  # a second, which exact copies are spared

    known, number = np.unique(official.images.ranks, axis=0, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(number.ravel()[order])) + 1)
    photograph = np.array([group[rows[0]] for rows in members])
    structured = np.flatnonzero(known.std(axis=1) >= _LEAST_SPREAD)
    index = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(structured)), algorithm="brute")
    index.fit(known[structured].astype(np.float32))
    mirror = ranks.reshape(-1, GRID, GRID)[:, :, ::-1].reshape(len(ranks), -1)
    searched = [index.kneighbors(given.astype(np.float32)) for given in (ranks, mirror)]
    results = []
    for place, spread in enumerate(ranks.std(axis=1)):
        flipped = bool(searched[1][0][place, 0] < searched[0][0][place, 0])
        far, keys = searched[flipped][0][place] / GRID, structured[searched[flipped][1][place]]
        others = far[photograph[keys] != photograph[keys[0]]]
        near = spread >= _LEAST_SPREAD and far[0] <= MOST_DISTANCE
        clear = near and (len(others) == 0 or far[0] <= _CLEAR * others[0])
        rows = [row for key in keys[far <= far[0] + _TIE] for row in members[key].tolist()] if clear else []
        results.append((rows, flipped and clear))
    return results
