"""FER2013 in whichever of its layouts it was downloaded, with the counts of the official release."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Release
from fer_plugins.data.audit.official_files import Identity, identify_fer2013
from fer_plugins.data.datasets.fer2013_copies import recognise
from fer_plugins.data.datasets.fer2013_layouts import CLASSES, SIDE, Samples
from fer_plugins.data.formats.archives.opening import split_inside
from fer_plugins.data.formats.class_names import ClassNames
from fer_plugins.data.formats.file_kinds import open_path
from fer_plugins.data.formats.image_files import OnBadImage
from fer_plugins.data.formats.labels import expression_of
from fer_plugins.data.listed_dataset import Check
from fer_plugins.data.option_values import check_value
from fer_plugins.data.release import count_by_split, differences
from fer_plugins.runtime.errors import InputError

_READER_VERSION = 4  # to be raised with any change in what is read: cached images of older versions are then rebuilt
_WANTED = "the file or folder that holds FER2013"
_SPLITS = ("train", "val", "test")
_ALPHABETICAL = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # of folders, from 0
# Samples per split (Training, PublicTest, PrivateTest) and class, in the order of CLASSES.
OFFICIAL_COUNTS = np.array(
    [
        [3995, 436, 4097, 7215, 4830, 3171, 4965],
        [467, 56, 496, 895, 653, 415, 607],
        [491, 55, 528, 879, 594, 416, 626],
    ],
    dtype=np.int64,
)


class FER2013:
    """The faces of the ICML 2013 challenge: 35,887 grey images of 48 x 48 pixels, seven classes, three splits.

    Goodfellow et al., "Challenges in representation learning: a report on three machine learning contests", 2013.
    Training is "train", PublicTest "val", PrivateTest "test". ``root`` is one of these, as a file, or a folder or
    zip that holds it at any depth, is known by what it holds and not by its name, and is read in place:

    - a csv of pixels (``emotion,pixels,Usage``), alone, compressed, in a tar or a zip; also in other spellings: names
      for codes, decimals, semicolons, one column a pixel, no header, UTF-16;
    - images as ``train/<class>/Training_*`` and ``test/<class>/PublicTest_*|PrivateTest_*``, under any names of splits,
      classes by name in any case or by the csv's codes; without such file names the split is the folder's, and where
      that is only train and test there is no "val";
    - a csv for each split, without a column of splits;
    - arrays: npz, npy (images and labels) or HDF5; Parquet or Arrow, as Hugging Face exports them;
    - ``train.csv`` (``emotion,pixels``): all "train". ``test.csv`` has no labels and is refused.

    Where several lie in one place the first in this order is read, csv files of the well-known names
    (``fer2013.csv``, ``icml_face_data.csv``, ``fer2013.tar.gz``, ``fer2013.zip``) before all, and ``notes`` says so.
    Construction looks at names and first lines only; ``table``, the images and the complete ``notes`` come from one
    reading of everything, at the first use of ``table`` or of an image.

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
        codes: class names in the order of the copy's codes, where they are not 0 anger, 1 disgust, 2 fear, 3 happy,
            4 sad, 5 surprise, 6 neutral: many copies number the classes alphabetically.

    Raises:
        InputError: on construction when the layout is none of these; on the first use when a sample is bad, a label
            or Usage is unknown, or the counts differ.
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
        codes: list[str] | None = None,
    ) -> None:
        if root is None or not os.fspath(root):
            raise InputError(f"fer2013: no data given; give --data.root {_WANTED}")
        check_value("fer2013", "check", check, Check)
        check_value("fer2013", "on_bad_image", on_bad_image, OnBadImage)
        outside, inside = split_inside(Path(os.path.expanduser(root)))
        self._root = open_path(outside, _WANTED)
        self._codes = _read_codes(codes)
        self._check = check
        self._names = names
        self._on_bad_image = on_bad_image
        try:
            self._layout, more = recognise(self._root / inside, self._codes, ClassNames(names), ignore)
        except OSError as error:
            raise InputError(f"{self._root}: cannot be read ({error.strerror}); give --data.root another") from error
        self._choice = (f"Read from {self._layout.title}.", *more)
        self.notes = list(self._choice)
        self.deviations: list[str] = []  # known after the first use, as left_out is: the notes on bad samples
        self.left_out: list[str] = []
        self._samples: Samples | None = None

    @property
    def cache_key(self) -> str:
        """Hash of the content, the options and this reader's version: 32 hex digits.

        The content is a file's bytes; for a folder of images its names, sizes and times of change.
        """
        # What construction found belongs to it: names of files are in ``source`` and in the notes.
        parts = [_READER_VERSION, self._check, self._on_bad_image, self._codes, repr(self._names)]
        parts += [*self._choice, self._layout.digest()]
        return hashlib.blake2b("\n".join(map(str, parts)).encode("utf-8", "replace"), digest_size=16).hexdigest()

    @property
    def release(self) -> Release:
        """The official counts of the splits that this copy tells apart."""
        return _release_of(self._read().splits_known)

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

    def identify(self) -> Identity:
        """Return which official file this copy is by its checksum, or else in what it differs from the release."""
        return identify_fer2013(self._layout, self._read(), recoded=bool(self._codes))

    def _read(self) -> Samples:
        if self._samples is None:
            samples = self._layout.read(self._on_bad_image)
            self.left_out = _describe_bad(samples)
            if not samples.label:
                why = samples.bad[0][2] if samples.bad else "it is empty"
                raise InputError(
                    f"{self._root}: none of its {len(samples.bad):,} samples can be read, the first: {why}; give "
                    "another copy as --data.root"
                )
            wrong = [image.shape for image in samples.images if image.shape != (SIDE, SIDE, 1)]
            self.deviations = [f"{len(wrong):,} images are not {SIDE} x {SIDE} pixels"] if wrong else []
            self.notes += samples.notes + self._check_sizes(samples) + self._check_counts(samples) + self.left_out
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
        # What was left out is counted too: the question is whether the release is complete.
        left_out = [(label, split) for label, split, _ in samples.bad if label is not None and split]
        labels = samples.label + [label for label, _ in left_out]
        splits = samples.split + [split for _, split in left_out]
        release = _release_of(samples.splits_known)
        wrong = differences(Release(release.counts), CLASSES, labels, splits=splits)
        if not wrong:
            return []
        looks = _describe_order(count_by_split(CLASSES, labels, splits), release)
        if self._check == "warn":
            return [f"The counts are not the official ones: {', '.join(wrong)}{looks}."]
        shown = ", ".join(wrong[:4]) + (f" and {len(wrong) - 4} more" if len(wrong) > 4 else "")
        remedy = "or go on" if looks else "give the complete release, or go on"
        raise InputError(
            f"{self._root}: the counts per split and class are not FER2013's official ones: {shown}{looks}; {remedy} "
            "with --data.check warn|off"
        )


def _describe_bad(samples: Samples) -> list[str]:
    if not samples.bad:
        return []
    shown = "; ".join(why for *_, why in samples.bad[:3])
    return [f"{len(samples.bad):,} bad samples were left out (--data.on_bad_image skip), the first: {shown}."]


def _release_of(splits_known: tuple[str, ...]) -> Release:
    """Return the official counts of the splits that a copy tells apart: where val is not known it lies in test."""
    counts = OFFICIAL_COUNTS.copy()
    if "val" not in splits_known:
        counts[2] += counts[1]
    kept = {split: row.tolist() for split, row in zip(_SPLITS, counts, strict=True) if split in splits_known}
    return Release(
        {split: dict(zip(CLASSES, row, strict=True)) for split, row in kept.items()},
        samples=sum(sum(row) for row in kept.values()),
    )


def _describe_order(found: Mapping[str, Mapping[str, int]], release: Release) -> str:
    """Say in which other order of classes the counts are the release's; "" where they are in none."""
    official = release.counts or {}
    columns = {tuple(row[name] for row in official.values()): name for name in CLASSES}
    order = [columns.get(tuple(found.get(split, {}).get(name, 0) for split in official), "") for name in CLASSES]
    if sorted(order) != sorted(CLASSES):
        return ""
    alphabetical = ", the alphabetical order of folders angry to surprise" if order == list(_ALPHABETICAL) else ""
    return (
        f"; they are those of codes in the order {', '.join(order)}{alphabetical}: give --data.codes "
        f"'[{', '.join(order)}]'"
    )


def _read_codes(codes: list[str] | None) -> tuple[str, ...]:
    names = tuple(expression_of(str(name)) or "" for name in codes or ())
    if codes is not None and sorted(names) != sorted(CLASSES):
        raise InputError(
            f"fer2013: codes are {', '.join(map(str, codes))[:200]!r}; give --data.codes the seven classes in the "
            f"order of the copy's codes, such as '[{', '.join(_ALPHABETICAL)}]'"
        )
    return names
