"""RAF-DB, basic expressions: the official list with its images, or folders of numbered classes."""

from __future__ import annotations

import os
import re
from typing import Literal, get_args

from fer_plugins.contract import Release
from fer_plugins.data.datasets.archives import make_printable
from fer_plugins.data.datasets.copy_layout import is_image, match_files, note_unread, open_root, refuse_layout
from fer_plugins.data.datasets.csv_files import find_column, read_rows, read_text
from fer_plugins.data.datasets.file_dataset import Check, FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.labels import EXPRESSIONS
from fer_plugins.errors import InputError

_LAYOUTS = "EmoLabel/list_patition_label.txt with Image/aligned, or DATASET/train/1..7 and DATASET/test/1..7"
_CLASSES = EXPRESSIONS[:7]
_CODES = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")  # 1 to 7 in the release
OFFICIAL_COUNTS = {
    "train": dict(zip(_CLASSES, (705, 717, 281, 4_772, 1_982, 1_290, 2_524), strict=True)),
    "test": dict(zip(_CLASSES, (162, 160, 74, 1_185, 478, 329, 680), strict=True)),
}
_RELEASE = Release(OFFICIAL_COUNTS, 15_339)
_Images = Literal["aligned", "original"]


class RAFDB(FileDataset):
    """15,339 photographs with one of seven basic expressions, by some forty annotators each; train and test.

    Li, Deng, Du, "Reliable crowdsourcing and deep locality-preserving learning for expression recognition in the wild",
    2017. ``root`` is a folder or zip that holds the official ``EmoLabel/list_patition_label.txt`` (its own spelling)
    with the images unpacked in ``Image/aligned`` (100 x 100) or ``Image/original``; or the copy ``train/1..7/*.jpg``,
    ``test/1..7/*.jpg``, with or without ``train_labels.csv`` and ``test_labels.csv``, which are then compared with the
    folders. Codes: 1 surprise, 2 fear, 3 disgust, 4 happy, 5 sad, 6 anger, 7 neutral. There is no validation part (use
    --protocol official_val) and no subject.

    Args:
        root: folder or zip that holds RAF-DB.
        images: which images of the official layout: aligned, or original.
        check: what follows when counts differ from the release's: error, warn (a sentence in the notes) or off.
        on_bad_image: what an unreadable image leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: neither layout, a code outside 1..7, lists that contradict folders, other counts, or (at first use)
            a missing or bad image.
    """

    title = "RAF-DB"

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None,
        images: Literal["aligned", "original"] = "aligned",
        check: Check = "error",
        on_bad_image: OnBadImage = "error",
    ) -> None:
        if images not in get_args(_Images):
            raise InputError(f"rafdb: images is {images!r}; give --data.images aligned or original")
        files = open_root("rafdb", root, _LAYOUTS)
        super().__init__("rafdb", files, options={"images": images}, check=check, on_bad_image=on_bad_image)
        self._images = images
        self._listed()

    def list_rows(self) -> Listing:
        """Read the official list, or the folders' names."""
        lists = match_files(self.files, r"(?:EmoLabel/)?list_par?tition_label\.txt", "rafdb")
        folders = match_files(self.files, r"(?P<split>train|test)/(?P<code>[^/]+)/(?P<file>[^/]+)", "rafdb")
        folders = [(name, match) for name, match in folders if is_image(name)]
        if lists and folders:
            raise InputError(f"{self.files.path}: holds both {lists[0][0]} and train/1..7; give one of the two layouts")
        if lists:
            return self._list_official(lists[0][0])
        if folders:
            return self._list_folders(folders)
        raise refuse_layout(self.files, "rafdb", _LAYOUTS)

    def _list_official(self, listed: str) -> Listing:
        where = self.files.where(listed)
        ending = "_aligned" if self._images == "aligned" else ""
        pattern = rf"Image/{self._images}/(?:{self._images}/)?(?P<stem>(?:train|test)_\d+){ending}\.(?:jpe?g|png)"
        images = {match["stem"].lower(): name for name, match in match_files(self.files, pattern, "rafdb")}
        if not images:
            packed = [name for name in self.files.names if re.search(rf"{self._images}\.(zip|rar|7z)$", name, re.I)]
            remedy = (
                f"unpack {make_printable(packed[0])}" if packed else f"put the folder Image/{self._images} beside it"
            )
            raise InputError(f"{where}: no image of Image/{self._images} lies beside it; {remedy}")
        rows, missing = [], []
        for number, line in enumerate(read_text(self.files, listed).splitlines(), start=1):
            if not line.strip():
                continue
            matched = re.fullmatch(r"(?P<stem>(?P<split>train|test)_\d+)\.\w+\s+(?P<code>\S+)", line.strip(), re.I)
            if matched is None:
                raise InputError(
                    f"{where}: line {number} is {make_printable(line)[:60]!r}; it must be like 'train_00001.jpg 5'"
                )
            stem = matched["stem"].lower()
            label = self._label(matched["code"], f"{where}: line {number}")
            if stem in images:
                rows.append(Row(images[stem], label, matched["split"].lower()))
            else:
                missing.append(stem)
        if missing:
            raise InputError(
                f"{where}: {len(missing):,} of its images are not in Image/{self._images}, the first {missing[0]}; "
                "unpack the images again"
            )
        more = len(images) - len(rows)
        notes = [f"{more:,} images are not in the list and were left out."] if more else []
        return Listing(f"the official list with Image/{self._images}", _CLASSES, rows, _RELEASE, notes)

    def _list_folders(self, folders: list[tuple[str, dict[str, str]]]) -> Listing:
        rows: list[Row] = []
        codes: dict[tuple[str, str], int] = {}
        for name, match in folders:
            label = self._label(match["code"], self.files.where(name))
            split = match["split"].lower()
            rows.append(Row(name, label, split))
            codes[split, match["file"].lower()] = label
        notes = note_unread(self.files, [row.name for row in rows])
        for listed, match in match_files(self.files, r"(?P<split>train|test)_labels\.csv", "rafdb"):
            header, lines = read_rows(self.files, listed)
            where = self.files.where(listed)
            image, code = find_column(header, "image", where), find_column(header, "label", where)
            split = match["split"].lower()
            told_of = {(split, line[image].strip().lower()) for line in lines}
            for number, line in enumerate(lines, start=1):
                in_folder = codes.get((split, line[image].strip().lower()))
                told = self._label(line[code].strip(), f"{where}: row {number}")
                if in_folder is not None and in_folder != told:
                    raise InputError(
                        f"{where}: row {number} says {_CLASSES[told]} for {line[image]}, which lies in the folder of "
                        f"{_CLASSES[in_folder]}; fetch the copy again"
                    )
            lost, more = len(told_of - codes.keys()), len({key for key in codes if key[0] == split} - told_of)
            notes.append(
                f"{make_printable(listed)} lists {lost:,} images that are not there and lacks {more:,} that are."
                if lost or more
                else f"{make_printable(listed)} agrees with the folders."
            )
        return Listing("folders of numbered classes", _CLASSES, rows, _RELEASE, notes)

    def _label(self, code: str, where: str) -> int:
        if not re.fullmatch("[1-7]", code):
            raise InputError(f"{where}: the class is {code[:40]!r}; RAF-DB's are 1 to 7: rename or remove it")
        return _CLASSES.index(_CODES[int(code) - 1])
