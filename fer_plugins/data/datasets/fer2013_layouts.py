"""Recognises in which of its layouts a copy of FER2013 lies before us, and reads it."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import PIL

from fer_plugins.data.datasets.archives import (
    FileSet,
    FolderFiles,
    ZipFiles,
    split_name,
)
from fer_plugins.data.datasets.class_names import ClassNames
from fer_plugins.data.datasets.copy_layout import split_inside
from fer_plugins.data.datasets.csv_files import CsvFile
from fer_plugins.data.datasets.fer2013_folders import FolderImage, find_class_folders, has_class_folders
from fer_plugins.data.datasets.image_files import UnreadableError, read_images
from fer_plugins.data.datasets.looks_like import describe_look
from fer_plugins.data.datasets.pixel_csv import read_header, read_pixel_csv
from fer_plugins.data.datasets.root_files import RootFiles
from fer_plugins.errors import InputError

OnBadImage = Literal["error", "skip"]
CLASSES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # in the order of the csv's codes
SIDE = 48  # pixels
# PublicTest served the challenge's public leaderboard, PrivateTest its final ranking: validation and test.
USAGES = {"training": "train", "publictest": "val", "privatetest": "test"}

_CLASS_FOLDERS = "class folders"
# Of several copies in one place the first of these is read: the release with its exact pixels before the JPEG
# copies, well-known names before any name, all three splits before train.csv.
_PREFERENCE = (
    *("fer2013.csv", "icml_face_data.csv", "fer2013.tar.gz", "fer2013.zip", _CLASS_FOLDERS),
    *("*.zip", "*.tar.gz", "*.tgz", "*.tar", "train.csv", "*.csv"),
)
_LOOKED_FOR = (
    "fer2013.csv, icml_face_data.csv, train.csv, fer2013.tar.gz, or images as train/<class>/*.jpg and "
    "test/<class>/*.jpg, as a folder or zip"
)


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
                usage = USAGES.get(file.file.split("_")[0].lower())
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
class CsvLayout:
    """A csv of pixels."""

    csv: CsvFile
    title: str

    def digest(self) -> str:
        """Hash the bytes of the file, packed or not."""
        return self.csv.digest()

    def read(self, on_bad_image: OnBadImage) -> Samples:
        """Parse all rows; the split is the column Usage, or "train" where there is none."""
        with self.csv.opened(whole=True) as (stream, file, where):
            rows = read_pixel_csv(stream, where, codes=len(CLASSES), side=SIDE, on_bad_row=on_bad_image)
        samples = Samples(label=rows.code, images=rows.pixels, source=[f"{file}:row {row}" for row in rows.row])
        for row, usage in zip(rows.row, rows.usage, strict=True):
            split = USAGES.get(usage.lower(), "") if rows.has_usage else "train"
            if not split:
                raise InputError(
                    f"{where}: row {row}: Usage is {usage[:40]!r}; Training, PublicTest or PrivateTest is needed: "
                    "mend or remove the row"
                )
            samples.split.append(split)
        for code, usage, error in rows.bad:
            split = USAGES.get(usage.lower(), "") if rows.has_usage else "train"
            samples.bad.append((code, split, f"{error.where}: {error.reason}"))
        if not rows.has_usage:
            samples.notes.append(
                "The csv has no column Usage, as the challenge's train.csv: all samples are training samples."
            )
            samples.splits_known = ("train",)
        return samples


def recognise(
    root: Path, names: ClassNames | None = None, ignore: Sequence[str] | None = None
) -> tuple[Layout, list[str]]:
    """Find out what ``root`` is, without reading more than names and a csv's first line.

    Args:
        root: file or folder, or a folder in a zip.
        names: what class folders and folders of splits mean.
        ignore: files and folders in it that are left out.

    Returns:
        The layout, and sentences about the choice among several copies.

    Raises:
        InputError: it does not exist, cannot be read, or is none of FER2013's layouts.
    """
    names = names or ClassNames()
    root, inside = split_inside(root)
    if not root.exists():
        raise InputError(f"{root}: does not exist; give --data.root the file or folder that holds FER2013")
    if root.is_dir():
        return _recognise_among(RootFiles(FolderFiles(root, depth=24), "", ignore or ()), names)
    if root.suffix.lower() == ".csv":
        return _check_header(CsvLayout(CsvFile(root), f"csv of pixels ({root.name})")), []
    if root.suffix.lower() == ".zip" or zipfile.is_zipfile(root):
        return _recognise_among(RootFiles(ZipFiles(root), inside, ignore or ()), names)
    if root.name.lower().endswith((".tar", ".tar.gz", ".tgz")) or tarfile.is_tarfile(root):
        return _check_header(CsvLayout(CsvFile(root, packing="tar"), f"csv of pixels in a tar ({root.name})")), []
    raise InputError(f"{root}: is no csv, zip or tar; looked for {_LOOKED_FOR}")


def _recognise_among(files: RootFiles, words: ClassNames) -> tuple[Layout, list[str]]:
    in_zip = isinstance(files.whole, ZipFiles)
    candidates = _list_candidates(files, words)
    if not candidates:
        raise InputError(
            f"{files.path}: nothing of FER2013 found in it; {describe_look(files, 'fer2013')}looked for {_LOOKED_FOR}"
        )
    (chosen, *twins), *others = candidates
    if twins:
        shown = ", ".join([chosen, *twins][:5])
        remedy = "unpack it and give one of them" if in_zip else "give one of them as --data.root"
        raise InputError(f"{files.path}: holds several files that could be meant ({shown}); {remedy}")
    names = [name for group in others for name in group]
    notes = [f"Also there and not read: {', '.join(names[:5])}."] if names else []
    if chosen == _CLASS_FOLDERS:
        found = find_class_folders(files, words)
        title = f"class folders in {files.path.resolve().name}"
        return ImageLayout(found.files, found.images, title), notes + found.notes
    if in_zip:
        csv = CsvFile(files.whole.path, files.full_name(chosen))
        return _check_header(CsvLayout(csv, f"{chosen} in {files.path.name}")), notes
    layout, more = recognise(files.path / chosen)
    return layout, notes + more


def _list_candidates(files: RootFiles, words: ClassNames) -> list[list[str]]:
    """Group the names that could be meant, in the order of preference; a group holds equals."""
    # One folder may lie around everything: archives are often packed and unpacked so.
    near = [name for name in files.names if len(split_name(name)) <= 2]
    groups = []
    for pattern in _PREFERENCE:
        if pattern == _CLASS_FOLDERS:
            group = [_CLASS_FOLDERS] if has_class_folders(files, words) else []
        elif isinstance(files.whole, ZipFiles) and not pattern.endswith(".csv"):
            group = []  # an archive inside an archive is not read
        else:
            group = [name for name in near if fnmatch(split_name(name)[-1].lower(), pattern)]
        near = [name for name in near if name not in group]
        if group:
            groups.append(group)
    return groups


def _check_header(layout: CsvLayout) -> CsvLayout:
    with layout.csv.opened(whole=False) as (stream, _, where):
        read_header(stream, where)
    return layout
