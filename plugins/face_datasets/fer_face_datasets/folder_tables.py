"""Tables and arrays of the user's own images: find them and list their rows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from fer_image_files.archives.opening import open_root
from fer_image_files.decoding import OnBadImage, is_image
from fer_image_files.file_kinds import kind_of_file
from fer_image_files.listed_dataset import Listing, Row
from fer_image_files.tables.face_rows import check_splits
from fer_image_files.tables.face_tables import find_tables

from fer_face_datasets.fer2013_copies import FaceCopy, recognise
from fer_plugins.runtime.errors import InputError

_LabelReader = Callable[[Counter[str]], tuple[dict[str, Any], tuple[str, ...], list[str]]]


def find_face_table(
    root: str | os.PathLike[str] | None, layouts: str, ignore: Sequence[str] | None = None
) -> FaceCopy | None:
    """Return the copy whose table of faces ``root`` is or holds; None if there is none, or there are image files.

    Raises InputError if the root cannot be read, or there are several tables.
    """
    files = open_root("folder", root, layouts, ignore=ignore, tables=True)
    if any(map(is_image, files.names)):
        return None
    if not files.is_file:
        tables = find_tables(files)
        if not (tables.complete or tables.parts or tables.arrays or tables.arrow):
            return None
    try:
        copy = recognise(files.path, ignore=ignore, owner="folder")
    except InputError:
        if files.is_file and kind_of_file(files.path) in ("text", "tar"):
            return None  # a list of image files, or a tar of them
        raise
    return copy if copy.table else None


def list_table(copy: FaceCopy, on_bad_image: OnBadImage, codes: object, read_labels: _LabelReader) -> Listing:
    """Read a table of faces; raises InputError if no row can be read, or a label is unknown."""
    assert copy.table is not None
    rows = copy.table.read(on_bad_image)
    if not rows.label:
        first = f", the first: {rows.bad[0].where}: {rows.bad[0].reason}" if rows.bad else ""
        raise InputError(f"{copy.files.path}: none of its {len(rows.bad):,} images can be read{first}; give another")
    check_splits(rows)
    written = rows.label
    if codes is None and rows.names:
        named = {str(code): name for code, name in enumerate(rows.names)}
        written = [named.get(label, label) for label in rows.label]
    labels, classes, notes = read_labels(Counter(written))
    labelled = [number for number, label in enumerate(written) if labels[label] is not None]
    listed = [Row(rows.source[n], classes.index(labels[written[n]]), rows.split[n]) for n in labelled]
    images: Any = rows.images if len(labelled) == len(written) else [rows.images[n] for n in labelled]
    notes = [*copy.notes, *rows.notes, *notes]
    return Listing(copy.title, classes, listed, notes=notes, images=images, left_out=rows.describe_bad())
