"""Compare a copy of FER-2013 with the official one, image by image; nothing is guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_face_datasets.official_images import (
    NONE,
    Descriptions,
    Match,
    OfficialImages,
    Rows,
    describe_images,
    is_equalised,
    match_images,
    read_official_images,
)
from fer_plugins.contract import SPLITS
from fer_plugins.data.copies.copy_list import read_shipped

_TONE = 4  # grey levels of the mean or the standard deviation
_BLURRED, _SHARPENED = 0.92, 1.22  # detail relative to the official image; JPEG of quality 50 stays within
_SIZE = (48, 48)
_FEW = 0.02  # fraction of the altered images; smaller groups may be the tail of another kind
_MISTAKEN = 0.01  # fraction of the altered images that may be mistaken for another official one

Images = Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8]
_TEXTS = {
    "resized": "have another size than 48 x 48",
    "equalised": "are equalised (their grey levels are spread evenly)",
    "brightness": "have another brightness or contrast",
    "blurred": "are blurred",
    "sharpened": "are sharpened or noisy",
    "mirrored": "are mirrored",
    "re-encoded": "are re-encoded (the same picture in slightly other pixels)",
}


@dataclass(frozen=True)
class Deviation:
    """One way in which a copy differs."""

    kind: str  # such as "blurred"
    images: int
    text: str  # part of a sentence, with the figures


def compare_with_official(
    images: Images,
    label: Sequence[int] | Rows,
    split: Sequence[str] | npt.NDArray[np.str_],
    *,
    ordered: bool = False,
    official: OfficialImages | None = None,
) -> list[Deviation]:
    """Return all differences of images, labels, splits and order from the official FER-2013.

    Images are identified by digest; altered ones by the ranks of 4 x 4 cells, if one official image is clearly the
    nearest. Size, grey levels and detail of the pair show how it was altered.

    Args:
        images: (N,) of H x W x C uint8.
        label: (N,) class code in the order of fer2013.csv.
        split: (N,) "train", "val" or "test".
        ordered: also compare the order, as for rows of a csv.
        official: another release, for tests.
    """
    release = read_official_images() if official is None else official
    group = _official_groups(release, shipped=official is None)
    described = describe_images(images, release.images.digest)
    given_label, given_split = np.asarray(label, np.int64), np.asarray(split, np.str_)
    match = match_images(described, given_label, given_split, release, group)
    row = match.row[match.unique & (match.row != NONE)]
    reordered = ordered and bool((np.diff(row) < 0).any())
    return [
        *_compare_pixels(images, given_split, described, match, release),
        *_compare_labels(given_label, match, release),
        *_compare_splits(given_split, match, release),
        *([Deviation("reordered", len(row), "the rows come in another order")] if reordered else []),
        *_compare_numbers(match, release, group),
    ]


def _official_groups(official: OfficialImages, *, shipped: bool) -> Rows:
    """Return a number for each official image, the same for copies of one image."""
    digests = official.images.digest
    group: Rows = len(digests) + np.unique(digests, return_inverse=True)[1]
    if shipped:
        copies = read_shipped()
        group[copies.row] = copies.group
    return group


def _compare_pixels(
    images: Images,
    split: npt.NDArray[np.str_],
    described: Descriptions,
    match: Match,
    official: OfficialImages,
) -> list[Deviation]:
    altered = np.flatnonzero((match.like != NONE) & ~match.exact)
    if len(altered) == 0:
        return []
    like = match.like[altered]
    resized = np.array([images[place].shape[:2] != _SIZE for place in altered.tolist()])
    ratio = described.detail[altered] / np.maximum(official.images.detail[like].astype(float), 1)
    brighter = np.abs(described.mean[altered].astype(int) - official.images.mean[like]) > _TONE
    contrast = np.abs(described.deviation[altered].astype(int) - official.images.deviation[like]) > _TONE
    # Blur and sharpening change the deviation as well; it is a change of tone only if the detail is unchanged.
    tone = ~resized & (brighter | (contrast & (ratio > _BLURRED) & (ratio < _SHARPENED)))
    flat = np.array([is_equalised(images[place]) for place in altered.tolist()])
    flags = {
        "resized": resized,
        "equalised": tone & flat,
        "brightness": tone & ~flat,
        "blurred": ~resized & ~tone & (ratio < _BLURRED),
        "sharpened": ~resized & ~tone & (ratio > _SHARPENED),
        "mirrored": match.mirrored[altered],
    }
    flags["re-encoded"] = ~np.any(list(flags.values()), axis=0)
    deviations, unnamed = [], 0
    for kind, chosen in flags.items():
        number = int(chosen.sum())
        if number > _FEW * len(altered):
            # By the copy's own split: the nearest official image may be a copy in another split of the release.
            splits = _count_splits(split[altered[chosen]])
            deviations.append(Deviation(kind, number, f"{number:,} images {_TEXTS[kind]}: {splits}"))
        else:
            unnamed += number
    if unnamed:
        deviations.append(
            Deviation("other changes", unnamed, f"{unnamed:,} changes are of other kinds, too few to name")
        )
    return deviations


def _count_splits(splits: npt.NDArray[np.str_]) -> str:
    counted = Counter(splits.tolist())
    return ", ".join(f"{name} {counted[name]:,}" for name in SPLITS if counted[name])


def _certain(match: Match, differs: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where ``differs`` holds, without altered images so few that they may be mistaken."""
    by_pixels = differs & match.exact
    resembling = differs & ~match.exact
    return by_pixels | resembling if resembling.sum() > _MISTAKEN * (~match.exact).sum() else by_pixels


def _compare_labels(label: Rows, match: Match, official: OfficialImages) -> list[Deviation]:
    number = int(_certain(match, (match.row != NONE) & (label != official.label[match.row])).sum())
    return [Deviation("relabelled", number, f"{number:,} images have another label")] if number else []


def _compare_splits(split: npt.NDArray[np.str_], match: Match, official: OfficialImages) -> list[Deviation]:
    before = official.split[match.row]
    moved = _certain(match, (match.row != NONE) & (split != before))
    pairs = Counter(zip(before[moved].tolist(), split[moved].tolist(), strict=True))
    if not pairs:
        return []
    split_names = {name for name in SPLITS if (split == name).any()}
    merged = all(source not in split_names for source, _ in pairs)
    text = ", ".join(f"{number:,} of {source} are in {target}" for (source, target), number in sorted(pairs.items()))
    return [Deviation("merged" if merged else "re-split", int(moved.sum()), text)]


def _compare_numbers(match: Match, official: OfficialImages, group: Rows) -> list[Deviation]:
    """Compare which official images are present, and how many images are additional."""
    present = np.zeros(len(official.label), bool)
    present[match.row[match.row != NONE]] = True
    # A copy of one split, such as the challenge's train.csv, does not lack the others.
    expected = np.isin(official.split, np.unique(official.split[present])) if present.any() else np.ones_like(present)
    missing = np.flatnonzero(expected & ~present)
    with_copy = int(np.isin(group[missing], group[present]).sum())
    again = (match.row == NONE) & (match.like != NONE)
    more = max(0, len(match.row) - int(expected.sum()))
    # In a copy that is not larger than the release, an altered image that occurs twice is mistaken.
    repeated = int((again if more else again & match.exact).sum())
    unknown = int((match.like == NONE).sum()) + int(again.sum()) - repeated
    deviations = []
    if len(missing) > unknown + repeated - more:
        kind = "de-duplicated" if with_copy == len(missing) else "incomplete"
        copies = f", {with_copy:,} of which have a copy that is there" if with_copy else ""
        deviations.append(Deviation(kind, len(missing), f"{len(missing):,} official images are missing{copies}"))
    if repeated:
        text = f"{repeated:,} images are further versions of official ones that are already included"
        deviations.append(Deviation("augmented", repeated, text))
    if unknown:
        kind = "augmented" if more and not len(missing) else "unmatched"
        text = f"{unknown:,} images match no official one: they were altered too much, or are others"
        deviations.append(Deviation(kind, unknown, text))
    return deviations
