"""FER2013 in whichever of its layouts it was downloaded, with the counts of the official release."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Release
from fer_plugins.data.datasets.class_names import ClassNames
from fer_plugins.data.datasets.fer2013_layouts import CLASSES, SIDE, OnBadImage, Samples, recognise
from fer_plugins.errors import InputError

_READER_VERSION = 3  # to be raised with any change in what is read: cached images of older versions are then rebuilt
_SPLITS = ("train", "val", "test")
# Samples per split (Training, PublicTest, PrivateTest) and class, in the order of CLASSES.
OFFICIAL_COUNTS = np.array(
    [
        [3995, 436, 4097, 7215, 4830, 3171, 4965],
        [467, 56, 496, 895, 653, 415, 607],
        [491, 55, 528, 879, 594, 416, 626],
    ],
    dtype=np.int64,
)
_Counts = npt.NDArray[np.int64]


class FER2013:
    """The faces of the ICML 2013 challenge: 35,887 grey images of 48 x 48 pixels, seven classes, three splits.

    Goodfellow et al., "Challenges in representation learning: a report on three machine learning contests", 2013.
    Training is "train", PublicTest "val", PrivateTest "test". ``root`` is one of these, as a file, or a folder or
    zip that holds it (at its top or one folder below), and is read in place:

    - ``fer2013.csv`` (``emotion,pixels,Usage``);
    - ``icml_face_data.csv`` (the same, other order, blanks around the names);
    - ``fer2013.tar.gz``, which holds the csv;
    - ``fer2013.zip``, or any zip, which holds a csv or images;
    - images as ``train/<class>/Training_*`` and ``test/<class>/PublicTest_*|PrivateTest_*``, under any names of splits,
      classes by name in any case or by the csv's codes; without such file names the split is the folder's, and where
      that is only train and test there is no "val";
    - ``train.csv`` (``emotion,pixels``): all "train". ``test.csv`` has no labels and is refused.

    Where several lie in one place the first in this order is read (zips and tars of other names come after the
    images, csv files of other names last) and ``notes`` says so. Construction looks at names and a first line only;
    ``table``, the images and the complete ``notes`` come from one reading of everything, at the first use of
    ``table`` or of an image.

    Args:
        root: file or folder that holds FER2013.
        names: what class folders and folders of splits mean, where they are words of another language or numbers: a
            mapping from words to expressions (or to train, val, test), a list of names for 0, 1, 2, ..., or a JSON or
            YAML file of one.
        ignore: files and folders, relative to the root, that are no part of it.
        check: what follows when the number of samples of any split and class, or the size of an image, is not the
            official release's: error, warn (a sentence in the notes) or off.
        on_bad_image: what an unreadable or truncated image, or a row with wrong pixels, leads to: error, or skip
            (left out and counted in the notes).

    Raises:
        InputError: on construction when the layout is none of these; on the first use when a sample is bad, a label
            or Usage is unknown, or the counts differ. One line, except that differing counts print two tables.
    """

    title = "FER2013"
    classes = CLASSES

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None,
        names: str | list[str] | dict[str, str] | None = None,
        ignore: list[str] | None = None,
        check: Literal["error", "warn", "off"] = "error",
        on_bad_image: Literal["error", "skip"] = "error",
    ) -> None:
        if root is None or not os.fspath(root):
            raise InputError("fer2013: no data given; give --data.root the file or folder that holds FER2013")
        if check not in ("error", "warn", "off"):
            raise InputError(f"fer2013: check is {check!r}; give --data.check error, warn or off")
        if on_bad_image not in get_args(OnBadImage):
            raise InputError(f"fer2013: on_bad_image is {on_bad_image!r}; give --data.on_bad_image error or skip")
        self._root = Path(root).expanduser()
        self._check = check
        self._names = names
        self._on_bad_image = on_bad_image
        try:
            self._layout, more = recognise(self._root, ClassNames(names), ignore)
        except OSError as error:
            raise InputError(f"{self._root}: cannot be read ({error.strerror}); give --data.root another") from error
        self._choice = (f"Read from {self._layout.title}.", *more)
        self.notes = list(self._choice)
        self.deviations: list[str] = []  # known after the first use
        self._samples: Samples | None = None

    @property
    def cache_key(self) -> str:
        """Hash of the content, the options and this reader's version: 32 hex digits.

        The content is a file's bytes; for a folder of images its names, sizes and times of change.
        """
        # What construction found belongs to it: names of files are in ``source`` and in the notes.
        parts = [
            _READER_VERSION,
            self._check,
            self._on_bad_image,
            repr(self._names),
            *self._choice,
            self._layout.digest(),
        ]
        return hashlib.blake2b("\n".join(map(str, parts)).encode("utf-8", "replace"), digest_size=16).hexdigest()

    @property
    def release(self) -> Release:
        """The official counts of the parts that this copy tells apart."""
        official = _count_official(self._read().splits_known)
        counts = {
            split: dict(zip(CLASSES, row.tolist(), strict=True))
            for split, row in zip(_SPLITS, official, strict=True)
            if row.any()
        }
        return Release(counts, samples=int(official.sum()))

    @property
    def table(self) -> dict[str, list[Any]]:
        """Columns ``label`` (0..6), ``split`` ("train", "val", "test") and ``source`` (path in the copy, or row)."""
        samples = self._read()
        return {"label": samples.label, "split": samples.split, "source": samples.source}

    def __len__(self) -> int:
        return len(self._read().label)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index`` as uint8 (48, 48, 1); another size only where ``check`` lets it pass."""
        image: npt.NDArray[np.uint8] = self._read().images[index]
        return image

    def _read(self) -> Samples:
        if self._samples is None:
            samples = self._layout.read(self._on_bad_image)
            notes = samples.notes + _describe_bad(samples)
            if not samples.label:
                raise InputError(f"{self._root}: holds no readable sample; fetch it again")
            wrong = [image.shape for image in samples.images if image.shape != (SIDE, SIDE, 1)]
            self.deviations = [f"{len(wrong):,} images are not {SIDE} x {SIDE} pixels"] if wrong else []
            notes += self._check_sizes(samples) + self._check_counts(samples)
            self.notes += notes
            self._samples = samples
        return self._samples

    def _check_sizes(self, samples: Samples) -> list[str]:
        wrong = [row for row, image in enumerate(samples.images) if image.shape != (SIDE, SIDE, 1)]
        if not wrong or self._check == "off":
            return []
        height, width, _ = samples.images[wrong[0]].shape
        first = f"{samples.source[wrong[0]]} is {width} x {height}"
        if self._check == "warn":
            return [f"{len(wrong):,} images are not {SIDE} x {SIDE} pixels as FER2013's are: the first, {first}."]
        raise InputError(
            f"{self._root}: {first} pixels, FER2013 has {SIDE} x {SIDE}; give the original, or --data.check warn|off"
        )

    def _check_counts(self, samples: Samples) -> list[str]:
        if self._check == "off":
            return []
        found = _count(samples)
        official = _count_official(samples.splits_known)
        if np.array_equal(found, official):
            return []
        if self._check == "warn":
            return [f"The counts are not the official ones: {_list_differences(found, official)}."]
        raise InputError(
            f"{self._root}: the counts per split and class are not FER2013's; give the complete release, or go on "
            f"with --data.check warn|off\n{_format_counts('found', found)}\n{_format_counts('official', official)}"
        )


def _describe_bad(samples: Samples) -> list[str]:
    if not samples.bad:
        return []
    shown = "; ".join(why for *_, why in samples.bad[:3])
    return [f"{len(samples.bad):,} bad samples were left out (--data.on_bad_image skip), the first: {shown}."]


def _count(samples: Samples) -> _Counts:
    """Count per split and class, what was left out included: the question is whether the release is complete."""
    counts = np.zeros_like(OFFICIAL_COUNTS)
    left_out = ((label, split) for label, split, _ in samples.bad if label is not None and split)
    for label, split in (*zip(samples.label, samples.split, strict=True), *left_out):
        counts[_SPLITS.index(split), label] += 1
    return counts


def _count_official(splits_known: tuple[str, ...]) -> _Counts:
    """Return the official counts of the splits that the copy tells apart: where val is not known it lies in test."""
    counts = OFFICIAL_COUNTS.copy()
    if "val" not in splits_known:
        counts[2] += counts[1]
    for row, split in enumerate(_SPLITS):
        if split not in splits_known:
            counts[row] = 0
    return counts


def _list_differences(found: _Counts, official: _Counts) -> str:
    return ", ".join(
        f"{_SPLITS[split]} {CLASSES[label]} {found[split, label]:,} instead of {official[split, label]:,}"
        for split, label in np.argwhere(found != official)
    )


def _format_counts(title: str, counts: _Counts) -> str:
    lines = [f"{title:<8}" + "".join(f"{name:>9}" for name in (*CLASSES, "total"))]
    for split, row in zip(_SPLITS, counts, strict=True):
        lines.append(f"  {split:<6}" + "".join(f"{number:>9,}" for number in (*row, row.sum())))
    return "\n".join(lines)
