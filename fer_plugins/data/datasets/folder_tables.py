"""Images of one's own that lie in a table or in arrays: finding them, and listing them as other images are listed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fer_plugins.data.datasets.fer2013_copies import recognise
from fer_plugins.data.datasets.fer2013_layouts import TableLayout
from fer_plugins.data.formats.archives.file_set import FileSet, SingleFile
from fer_plugins.data.formats.archives.folder_files import FolderFiles
from fer_plugins.data.formats.archives.opening import enter_archive
from fer_plugins.data.formats.archives.root_files import RootFiles
from fer_plugins.data.formats.archives.zip_files import ZipFiles
from fer_plugins.data.formats.file_kinds import is_inside_file, open_path
from fer_plugins.data.formats.image_files import OnBadImage, is_image
from fer_plugins.data.formats.tables.face_rows import FaceTable, check_splits
from fer_plugins.data.formats.tables.face_tables import find_tables, kind_of_file
from fer_plugins.data.listed_dataset import Listing, Row
from fer_plugins.runtime.errors import InputError

_LabelReader = Callable[[Counter[str]], tuple[dict[str, Any], tuple[str, ...], list[str]]]


@dataclass(frozen=True)
class FoundFaces:
    """A table of faces, and the files it lies among."""

    files: FileSet
    table: FaceTable
    notes: list[str]

    def digests(self) -> list[str]:
        """Hash the table, whose files may lie beside the one that was given."""
        return [self.table.digest()]


def find_face_table(root: str | os.PathLike[str] | None, ignore: Sequence[str] | None = None) -> FoundFaces | None:
    """Return the table of faces that ``root`` is or holds; None where it is none, or image files lie there.

    Raises:
        InputError: the root is none that can be read, or several tables lie there.
    """
    if root is None or not os.fspath(root) or is_inside_file(root):
        return None
    path = enter_archive(open_path(root, "the folder or zip of the images, or a csv"))
    kind = None if path.is_dir() else kind_of_file(path)
    files: FileSet
    if path.is_dir():
        files = RootFiles(FolderFiles(path, depth=24, limit=2_000_000), "", ignore or ())
    elif kind == "zip":
        files = RootFiles(ZipFiles(path), "", ignore or ())
    elif kind in ("text", "tar"):
        files = SingleFile(path)
        try:
            layout, notes = recognise(path)
        except InputError:
            return None  # a list of image files, or a tar of them
        return FoundFaces(files, layout.table, notes) if isinstance(layout, TableLayout) else None
    else:
        files = SingleFile(path)
    if any(is_image(name) for name in files.names):
        return None
    if not isinstance(files, SingleFile):
        tables = find_tables(files)
        if not (tables.complete or tables.parts or tables.arrays or tables.arrow):
            return None
    layout, notes = recognise(path, ignore=ignore)
    return FoundFaces(files, layout.table, notes) if isinstance(layout, TableLayout) else None


def list_table(found: FoundFaces, on_bad_image: OnBadImage, codes: object, read_labels: _LabelReader) -> Listing:
    """Read a table of faces.

    Args:
        found: the table.
        on_bad_image: what a bad row leads to.
        codes: the user's names for labels that are numbers; else the table's own.
        read_labels: maps labels, as counted, to classes, or to None where they are left out.

    Raises:
        InputError: no row can be read, or labels that are not known.
    """
    rows = found.table.read(on_bad_image)
    if not rows.label:
        first = f", the first: {rows.bad[0].where}: {rows.bad[0].reason}" if rows.bad else ""
        raise InputError(f"{found.files.path}: none of its {len(rows.bad):,} images can be read{first}; give another")
    check_splits(rows)
    written = rows.label
    if codes is None and rows.names:
        named = {str(code): name for code, name in enumerate(rows.names)}
        written = [named.get(label, label) for label in rows.label]
    labels, classes, notes = read_labels(Counter(written))
    kept = [number for number, label in enumerate(written) if labels[label] is not None]
    listed = [Row(rows.source[n], classes.index(labels[written[n]]), rows.split[n]) for n in kept]
    images: Any = rows.images if len(kept) == len(written) else [rows.images[n] for n in kept]
    notes = [*found.notes, *rows.notes, *notes]
    return Listing(found.table.title, classes, listed, notes=notes, images=images, left_out=rows.describe_bad())
