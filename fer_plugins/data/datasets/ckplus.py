"""CK+: the extended Cohn-Kanade database, from class folders, from the csv of 920 images, or from the official tree."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Release
from fer_plugins.data.datasets.archives import FileSet, FolderFiles, SingleFile
from fer_plugins.data.datasets.ckplus_images import (
    FRAME,
    SEQUENCES,
    Frames,
    is_series,
    list_folders,
    list_tree,
    sequence_of,
)
from fer_plugins.data.datasets.class_folders import ClassTree, find_tree
from fer_plugins.data.datasets.class_names import ClassNames
from fer_plugins.data.datasets.copy_layout import match_files, open_root, refuse_layout
from fer_plugins.data.datasets.csv_files import CsvFile
from fer_plugins.data.datasets.file_dataset import Check, FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.image_files import is_image
from fer_plugins.data.datasets.labels import EXPRESSIONS
from fer_plugins.data.datasets.pixel_csv import PixelRows, read_pixel_csv
from fer_plugins.data.datasets.split_names import split_of
from fer_plugins.data.datasets.trees import as_flag
from fer_plugins.errors import InputError

_LAYOUTS = "<class>/S005_001_00000011.png, ckextended.csv, or cohn-kanade-images with Emotion"
_CSV = re.compile(r"(?:^|/)(?:ckextended|ck\+?|ckplus)\.csv$", re.IGNORECASE)
_NEUTRAL_ROWS = 593  # of the csv: the first image of every sequence, labelled or not


class CKPlus(FileDataset):
    """Posed expressions from neutral to peak: 327 labelled sequences of 118 people, seven classes with contempt.

    Lucey et al., "The extended Cohn-Kanade dataset (CK+)", 2010. ``root`` is a folder or zip that holds one of these:

    - class folders of files named ``S###_###_########.png`` (981 images of 48 x 48 pixels, three of each sequence):
      subject and sequence are read from the names. Where they hold folders of whole sequences, from neutral to peak,
      the images are chosen as from the official tree;
    - ``ckextended.csv`` (920 rows ``emotion,pixels,Usage``, eight classes; its 593 neutral rows are most of it). It
      names no subject, so a subject-disjoint split of it is impossible;
    - the official tree ``cohn-kanade-images/S###/###/*.png`` with ``Emotion/S###/###/*_emotion.txt``: the last images
      of each labelled sequence, and its first as neutral where that is asked for (it then shows no expression, however
      many images at the end are asked for).

    There is no official split but the csv's.

    Args:
        root: folder, zip or tar that holds CK+, or the csv.
        last_frames: of whole sequences, how many images at the end of each labelled one, at least 1.
        first_frame_neutral: of whole sequences, whether the first image of each labelled one is neutral.
        names: what class folders mean, where they are words of another language or numbers: a mapping from words to
            expressions, a list of names for 0, 1, 2, ..., or a JSON or YAML file of one.
        ignore: files and folders, relative to the root, that are no part of it.
        check: what follows when counts differ from the release's: error, warn (a sentence in the notes) or off.
        on_bad_image: what an unreadable image leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: none of the layouts, several of them, unknown labels, other counts, or (at first use) a bad image.
    """

    title = "CK+"

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None,
        last_frames: int = 1,
        first_frame_neutral: bool = False,
        names: str | list[str] | dict[str, str] | None = None,
        ignore: list[str] | None = None,
        check: Check = "error",
        on_bad_image: OnBadImage = "error",
    ) -> None:
        if last_frames < 1:
            raise InputError(f"ckplus: last_frames is {last_frames}; give --data.last_frames at least 1")
        self._last_frames, self._first_frame_neutral = last_frames, first_frame_neutral
        self._names = ClassNames(names)
        self._csv, files = _find_csv(root, ignore)
        self._pixels: npt.NDArray[np.uint8] | None = None  # of the csv
        options = {"last_frames": last_frames, "first_frame_neutral": first_frame_neutral, "names": names}
        super().__init__("ckplus", files, options=options, check=check, on_bad_image=on_bad_image)
        self._listed()

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index``: uint8 (H, W, 1) or (H, W, 3), as released."""
        if self._pixels is None:
            return super().__getitem__(index)
        self._rows()
        image: npt.NDArray[np.uint8] = self._pixels[index]
        return image

    def list_rows(self) -> Listing:
        """Find out which layout it is and list its images."""
        labelled = rf"(?:[^/]+/)*(?P<sequence>S\d{{3}}/\d{{3}})/{FRAME}_emotion\.txt"
        emotions = match_files(self.files, labelled, "ckplus")
        named = [name for name in self.files.names if is_image(name) and re.search(FRAME, name, re.IGNORECASE)]
        images = [name for name in named if sequence_of(name)]
        tree = ClassTree() if emotions else find_tree(self.files, self._names)
        known = any(map(self._names.expression, tree.words())) and bool(named or is_series(tree))
        sorted_in = known or bool(tree.images and named and not images)
        images = [] if sorted_in else images
        kinds = {"class folders": sorted_in, "ckextended.csv": self._csv, "the official tree": emotions or images}
        present = [kind for kind, found in kinds.items() if found]
        if len(present) > 1:
            raise InputError(
                f"{self.files.path}: holds {' and '.join(present)}; leave one of them out, such as --data.ignore "
                f"{as_flag([name for name in self.files.names if _CSV.search(name)])}"
            )
        if not present:
            raise refuse_layout(self.files, "ckplus", _LAYOUTS)
        frames = Frames(self._last_frames, self._first_frame_neutral)
        if frames != Frames(1, False) and (self._csv or (sorted_in and not is_series(tree))):
            raise InputError(
                f"{self.files.path}: --data.last_frames and --data.first_frame_neutral choose images of whole "
                f"sequences, this is {present[0]}; leave them out"
            )
        if self._csv:
            return self._list_csv(self._csv)
        listing = (
            list_folders(self.files, tree, self._names, frames)
            if sorted_in
            else list_tree(self.files, emotions, images, frames)
        )
        self._names.refuse_unused(str(self.files.path), tree.words())
        read = {*images, *(image.name for image in tree.images)}
        there = set(self.files.names)  # less a second copy
        others = [name for name in named if name in there - read]
        if others:
            listing.notes.append(
                f"{len(others):,} images of CK+ lie outside of the layout and were not read, the first {others[0]}."
            )
        return listing

    def _list_csv(self, csv: CsvFile) -> Listing:
        with csv.opened(whole=True) as (stream, file, where):
            found: PixelRows = read_pixel_csv(
                stream, where, codes=len(EXPRESSIONS), side=48, on_bad_row=self._on_bad_image
            )
        splits = [split_of(usage) or "" for usage in found.usage]
        if found.has_usage and not all(splits):
            place = splits.index("")
            raise InputError(
                f"{where}: row {found.row[place]}: Usage is {found.usage[place][:40]!r}; Training, PublicTest or "
                "PrivateTest is needed: mend or remove the row"
            )
        rows = [
            Row(f"{file}:row {row}", code, split)
            for row, code, split in zip(found.row, found.code, splits, strict=True)
        ]
        self._pixels = found.pixels
        self._looked_at = True  # a bad row was judged when it was read
        notes = ["The csv names no subject and no sequence: a subject-disjoint split of it is impossible."]
        if found.bad:
            notes.append(
                f"{len(found.bad):,} bad rows were left out (--data.on_bad_image skip), the first: "
                f"{found.bad[0][2].where}: {found.bad[0][2].reason}."
            )
        counts = {**SEQUENCES, "neutral": _NEUTRAL_ROWS}
        return Listing("ckextended.csv", EXPRESSIONS, rows, Release({"all": counts}, 920), notes)


def _find_csv(root: str | os.PathLike[str] | None, ignore: list[str] | None) -> tuple[CsvFile | None, FileSet]:
    """Return the csv, where the root is one or holds ``ckextended.csv``, and the files around it."""
    if root is not None and os.fspath(root).lower().endswith(".csv") and Path(root).expanduser().is_file():
        path = Path(root).expanduser()
        return CsvFile(path), SingleFile(path)
    files = open_root("ckplus", root, _LAYOUTS, ignore=ignore)
    found = [name for name in files.names if _CSV.search(name)]
    if not found:
        return None, files
    if len(found) > 1:
        raise InputError(
            f"{files.path}: holds {found[0]} and {found[1]}; leave one of them out with --data.ignore "
            f"{as_flag(found[1:])}"
        )
    whole = files.whole
    if isinstance(whole, FolderFiles):
        return CsvFile(whole.path / files.full_name(found[0])), files
    return CsvFile(whole.path, files.full_name(found[0])), files
