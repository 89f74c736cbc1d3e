"""JAFFE, the Japanese Female Facial Expression database: subject and expression are read from file names."""

from __future__ import annotations

import os
import re

from fer_image_files.archives.file_set import split_name
from fer_image_files.archives.opening import open_root
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.copy_layout import note_unread, refuse_layout
from fer_image_files.decoding import OnBadImage
from fer_image_files.folders.trees import refuse_doubles
from fer_image_files.listed_dataset import Check, ListedDataset, Listing, Row

from fer_plugins.contract import Release
from fer_plugins.data import published_counts
from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.data.split_names import split_of

_LAYOUTS = "images named like KA.AN1.39.tiff (tiff, png or jpg)"
_CODES = {"AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happy", "SA": "sad", "SU": "surprise", "NE": "neutral"}
_CLASSES = EXPRESSIONS[:7]
_NAME = re.compile(
    r"(?P<stem>(?P<subject>[A-Z]{2})\.(?P<code>[A-Z]{2})\d+\.\d+)\.(?:tiff?|png|jpe?g|bmp)", re.IGNORECASE
)


def jaffe(
    *,
    root: str | os.PathLike[str] | None,
    ignore: list[str] | None = None,
    check: Check = "error",
    on_bad_image: OnBadImage = "error",
) -> ListedDataset:
    """JAFFE: 213 grey images of 256 x 256 pixels; ten women, seven expressions, two to four images of each.

    Lyons, Akamatsu, Kamachi, Gyoba, "Coding facial expressions with Gabor wavelets", 1998. ``root`` is a folder or zip
    with files named ``<subject>.<expression><number>.<count>``, such as ``KA.AN1.39.tiff``, as tiff (as released), png
    or jpg, in any folders; a folder that names a split defines the copy's own split. There is no official split.

    Args:
        root: folder, zip or tar with JAFFE.
        ignore: files and folders to leave out, relative to the root.
        check: what to do if counts differ from the release's: error, warn (add a sentence to the notes) or off.
        on_bad_image: what to do with an unreadable image: error, or skip (left out and counted in the notes).

    Raises:
        InputError: no such file names, a duplicate image, other counts, or (at first use) a bad image.
    """
    files = open_root("jaffe", root, _LAYOUTS, ignore=ignore)
    return ListedDataset("jaffe", "JAFFE", files, _list_rows(files), check=check, on_bad_image=on_bad_image)


def _list_rows(files: RootFiles) -> Listing:
    """Read subject and expression from the file names."""
    matches = []
    for name in files.names:
        matched = _NAME.fullmatch(split_name(name)[-1])
        if matched and matched["code"].upper() in _CODES:
            matches.append((name, matched))
    if not matches:
        raise refuse_layout(files, "jaffe", _LAYOUTS)
    first_names: dict[str, str] = {}
    pairs = [
        (first, name)
        for name, match in matches
        if (first := first_names.setdefault(match["stem"].upper(), name)) != name
    ]
    if pairs and files.are_same(pairs):
        files.leave_out([name for _, name in pairs], f"{len(pairs):,} images lie there twice; they were read once.")
        matches = [(name, match) for name, match in matches if first_names[match["stem"].upper()] == name]
    elif pairs:
        raise refuse_doubles(files, pairs, "an image")
    rows = []
    for name, match in matches:
        split = next((split for folder in name.split("/")[-2::-1] if (split := split_of(folder))), "")
        rows.append(Row(name, _CLASSES.index(_CODES[match["code"].upper()]), split, match["subject"].upper()))
    notes = note_unread(files, [row.name for row in rows], "their names are none of JAFFE's")
    if not all(row.split for row in rows) and any(row.split for row in rows):
        rows = [row._replace(split="") for row in rows]
        notes.append("Folders name a split of some images only: no split was read.")
    elif rows[0].split:
        notes.append("The folders' splits are the copy's own: JAFFE has no official split.")
    return Listing(
        "JAFFE's own file names", _CLASSES, rows, Release({"all": published_counts.JAFFE}, 213, subjects=10), notes
    )
