"""CK+ as a csv of pixels: ckextended.csv, known by what it holds."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fer_plugins.contract import Release
from fer_plugins.data.formats.archives.file_set import FileSet, SingleFile, split_name
from fer_plugins.data.formats.archives.opening import enter_archive, open_root
from fer_plugins.data.formats.file_kinds import is_inside_file, open_path
from fer_plugins.data.formats.folders.trees import as_flag
from fer_plugins.data.formats.image_files import OnBadImage
from fer_plugins.data.formats.labels import EXPRESSIONS
from fer_plugins.data.formats.tables.csv_files import CsvFile
from fer_plugins.data.formats.tables.face_rows import code_labels
from fer_plugins.data.formats.tables.face_tables import CsvTable, find_tables, kind_of_file, table_of_file
from fer_plugins.data.formats.tables.pixel_csv import read_pixel_csv
from fer_plugins.data.listed_dataset import Listing, Row
from fer_plugins.runtime.errors import InputError

# Rows of the release; the neutral ones are the first image of every sequence, labelled or not.
_ROWS = dict(zip(EXPRESSIONS, (45, 59, 25, 69, 28, 83, 593, 18), strict=True))


def find_csv(
    root: str | os.PathLike[str] | None, layouts: str, ignore: Sequence[str] | None = None
) -> tuple[CsvFile | None, FileSet]:
    """Return the csv of pixels, where the root is one or holds one, and the files around it.

    Args:
        root: as given.
        layouts: what is looked for, for messages.
        ignore: files and folders in it that the user leaves out.

    Raises:
        InputError: nothing lies there that can be read, or two such files.
    """
    if root is None or not os.fspath(root) or is_inside_file(root):
        return None, open_root("ckplus", root, layouts, ignore=ignore)
    path = enter_archive(open_path(root, f"the folder or zip that holds {layouts}"))
    kind = "folder" if path.is_dir() else kind_of_file(path)
    if kind not in ("folder", "zip"):
        try:
            table = table_of_file(path)
        except InputError:
            if kind != "tar":
                raise
            table = None  # it may hold the images
        if isinstance(table, CsvTable):
            return table.csv, SingleFile(path)
    files = open_root("ckplus", root, layouts, ignore=ignore)
    if kind not in ("folder", "zip"):
        return None, files
    tables = find_tables(files)
    found = {**tables.complete, **tables.parts}
    named = [name for name in found if split_name(name)[-1].lower().startswith("ck")] or list(found)
    if len(named) > 1:
        raise InputError(
            f"{files.path}: holds {named[0]} and {named[1]}; leave all but one out with --data.ignore "
            f"{as_flag(named[1:])}"
        )
    return (found[named[0]].csv if named else None), files


def list_csv(csv: CsvFile, on_bad_image: OnBadImage) -> Listing:
    """Read all rows of the csv.

    Raises:
        InputError: a label that is none of the release's, or splits that are none.
        UnreadableError: a bad row, under "error".
    """
    with csv.opened(whole=True) as (stream, file, where):
        found = read_pixel_csv(stream, where, file, side=48, on_bad_row=on_bad_image)
    labels, _ = code_labels(found, EXPRESSIONS, remedy="give ckextended.csv, or read it with --data folder")
    rows = [Row(*row) for row in zip(found.source, labels, found.split, strict=True)]
    notes = [
        "The csv names no subject and no sequence: a subject-disjoint split of it is impossible.",
        *found.notes,
    ]
    release = Release({"all": _ROWS}, 920)
    return Listing("ckextended.csv", EXPRESSIONS, rows, release, notes, found.images, found.describe_bad())
