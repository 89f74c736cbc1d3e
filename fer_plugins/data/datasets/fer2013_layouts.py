"""Reads a copy of FER2013 in one of its layouts: images in class folders, or a table of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from fer_plugins.data.datasets.fer2013_folders import FolderImage
from fer_plugins.data.formats.archives.file_set import FileSet
from fer_plugins.data.formats.image_files import OnBadImage, UnreadableError, read_images
from fer_plugins.data.formats.tables.face_rows import FaceTable, check_splits, code_labels
from fer_plugins.data.formats.tables.face_tables import CsvTable

CLASSES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # in the order of the csv's codes
SIDE = 48  # pixels
_REMEDY = (
    "other classes are read with --data folder: give it --data.codes with the names of the codes in the order 0, 1, 2, "
    "..., or --data.on_unknown_label keep where the labels are words"
)
# How the files of the images that were unpacked from the csv begin.
_PREFIXES = {"training": "train", "publictest": "val", "privatetest": "test"}


@dataclass
class Samples:
    """What a layout holds: one entry a good sample in every list."""

    label: list[int] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    images: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8] = ()  # each uint8 (H, W, 1)
    bad: list[tuple[int | None, str, str]] = field(default_factory=list)  # left out: label or None, split or "", why
    notes: list[str] = field(default_factory=list)
    # What the copy tells apart. ("train", "test"): the official val lies in test; ("train",): it holds no other.
    splits_known: tuple[str, ...] = ("train", "val", "test")


class Layout(Protocol):
    """One recognised copy; picklable, nothing stays open."""

    @property
    def title(self) -> str:
        """What it is, for the notes."""
        ...

    def digest(self) -> str:
        """Hash what a change of the copy would change."""
        ...

    def read(self, on_bad_image: OnBadImage) -> Samples:
        """Read and decode everything."""
        ...


@dataclass(frozen=True)
class ImageLayout:
    """Images in class folders, ``train/<class>/Training_*`` and ``test/<class>/PublicTest_*|PrivateTest_*``."""

    files: FileSet
    found: list[FolderImage]
    title: str

    def digest(self) -> str:
        """Hash the files, and the decoder's version: two JPEG decoders may differ in the last bit."""
        return f"{self.files.digest(file.name for file in self.found)} Pillow {PIL.__version__}"

    def read(self, on_bad_image: OnBadImage) -> Samples:
        """Decode all images; the split is the file name's where it says one, else its folder's."""
        samples = Samples()
        images = []
        unnamed = {"train": 0, "val": 0, "test": 0}
        with closing(read_images(self.files, [file.name for file in self.found], grey=True)) as decoded:
            for file, image in zip(self.found, decoded, strict=True):
                label = CLASSES.index(file.expression)
                usage = _PREFIXES.get(file.file.split("_")[0].lower())
                if usage is None:
                    unnamed[file.split] += 1
                split = usage or file.split
                if isinstance(image, UnreadableError):
                    if on_bad_image == "error":
                        raise image
                    samples.bad.append((label, split, f"{image.where}: {image.reason}"))
                    continue
                images.append(image)
                samples.label.append(label)
                samples.split.append(split)
                samples.source.append(file.name)
        samples.images = images
        splits = {*samples.split, *(split for _, split, _ in samples.bad)}
        if unnamed["test"] and "val" not in splits:
            samples.splits_known = ("train", "test")
            samples.notes.append(
                "File names without PublicTest_ and PrivateTest_: the two cannot be told apart, so the folder test is "
                "the test split and there is no official validation split."
            )
        elif any(unnamed.values()):
            samples.notes.append(
                f"{sum(unnamed.values()):,} file names do not begin with Training_, PublicTest_ or PrivateTest_: "
                "their split is their folder's."
            )
        return samples


@dataclass(frozen=True)
class TableLayout:
    """A csv of pixels, arrays, or Parquet files."""

    table: FaceTable
    codes: tuple[str, ...] = ()  # what the codes of this copy mean, where they are not FER2013's

    @property
    def title(self) -> str:
        """What it is, for the notes."""
        return self.table.title

    def digest(self) -> str:
        """Hash the files."""
        return self.table.digest()

    def read(self, on_bad_image: OnBadImage) -> Samples:
        """Read all rows; without a split everything is training."""
        rows = self.table.read(on_bad_image)
        label, bad = code_labels(rows, CLASSES, self.codes, remedy=_REMEDY)
        known = check_splits(rows)
        samples = Samples(
            label,
            [split or "train" for split in rows.split],
            rows.source,
            rows.images if isinstance(self.table, CsvTable) else [_to_grey(image) for image in rows.images],
            [
                (code, row.split or ("" if known else "train"), f"{row.where}: {row.reason}")
                for row, code in zip(rows.bad, bad, strict=True)
            ],
            rows.notes,
        )
        if known and isinstance(self.table, CsvTable) and not self.table.split:
            return samples  # it has a column of splits, so that what is missing there was lost
        splits = {*samples.split, *(split for _, split, _ in samples.bad if split)}
        samples.splits_known = tuple(split for split in ("train", "val", "test") if split in splits)
        if splits == {"train"}:
            samples.notes.append(
                "No column Usage and no other split, as in the challenge's train.csv: all samples are training samples."
            )
        elif "val" not in splits and "test" in splits:
            samples.notes.append("The copy names no validation split: PublicTest and PrivateTest are test, or lost.")
        return samples


def _to_grey(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return image if image.shape[2] == 1 else np.asarray(Image.fromarray(image).convert("L"))[:, :, np.newaxis]
