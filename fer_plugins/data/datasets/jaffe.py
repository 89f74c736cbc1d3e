"""JAFFE: the Japanese Female Facial Expression database, subject and expression read from the files' names."""

from __future__ import annotations

import os
from collections import Counter

from fer_plugins.contract import Release
from fer_plugins.data.datasets.copy_layout import match_files, note_unread, open_root, refuse_layout
from fer_plugins.data.datasets.file_dataset import Check, FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.labels import EXPRESSIONS
from fer_plugins.errors import InputError

_LAYOUTS = "images named like KA.AN1.39.tiff (tiff, png or jpg)"
_CODES = {"AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happy", "SA": "sad", "SU": "surprise", "NE": "neutral"}
_CLASSES = EXPRESSIONS[:7]
OFFICIAL_COUNTS = dict(zip(_CLASSES, (30, 29, 32, 31, 31, 30, 30), strict=True))


class JAFFE(FileDataset):
    """213 grey images of 256 x 256 pixels: ten women, seven expressions, two to four images of each.

    Lyons, Akamatsu, Kamachi, Gyoba, "Coding facial expressions with Gabor wavelets", 1998. ``root`` is a folder or zip
    that holds files named ``<subject>.<expression><number>.<count>``, such as ``KA.AN1.39.tiff``, in the release's tiff
    or as png or jpg, all in one folder or in one folder an expression. There is no official split.

    Args:
        root: folder or zip that holds JAFFE.
        check: what follows when counts differ from the release's: error, warn (a sentence in the notes) or off.
        on_bad_image: what an unreadable image leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: no such file names, an image twice, other counts, or (at first use) a bad image.
    """

    title = "JAFFE"

    def __init__(
        self, *, root: str | os.PathLike[str] | None, check: Check = "error", on_bad_image: OnBadImage = "error"
    ) -> None:
        super().__init__(
            "jaffe", open_root("jaffe", root, _LAYOUTS), options={}, check=check, on_bad_image=on_bad_image
        )
        self._listed()  # names only

    def list_rows(self) -> Listing:
        """Read subject and expression from the names."""
        pattern = r"(?:[^/]*/)?(?P<stem>(?P<subject>[A-Z]{2})\.(?P<code>[A-Z]{2})\d+\.\d+)\.(?:tiff?|png|jpe?g|bmp)"
        found = [
            (name, match)
            for name, match in match_files(self.files, pattern, "jaffe")
            if match["code"].upper() in _CODES
        ]
        if not found:
            raise refuse_layout(self.files, "jaffe", _LAYOUTS)
        stem, times = Counter(match["stem"].upper() for _, match in found).most_common(1)[0]
        if times > 1:
            raise InputError(
                f"{self.files.path}: holds the image {stem} {times} times (in two formats or folders); keep one of them"
            )
        rows = [
            Row(name, _CLASSES.index(_CODES[match["code"].upper()]), subject=match["subject"].upper())
            for name, match in found
        ]
        notes = note_unread(self.files, [row.name for row in rows])
        return Listing(
            "JAFFE's own file names", _CLASSES, rows, Release({"all": OFFICIAL_COUNTS}, 213, subjects=10), notes
        )
