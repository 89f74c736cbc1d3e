"""Detect the layout of a copy of FER2013 by content, at any folder depth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from fer_image_files.archives.file_set import READ_ERRORS, make_printable, split_name
from fer_image_files.archives.opening import PACKED, open_root
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.copy_layout import describe_look
from fer_image_files.decoding import is_image
from fer_image_files.file_kinds import image_ending, kind_of_file, look_like
from fer_image_files.folders.trees import as_flag
from fer_image_files.tables.face_tables import CopyTables, FaceTable, find_tables, refuse_file, table_of_file

from fer_face_datasets.fer2013_folders import FolderImage, find_class_folders, has_class_folders
from fer_plugins.runtime.errors import InputError

_CLASS_FOLDERS = "class folders"
_LOOKED_FOR = (
    "fer2013.csv, icml_face_data.csv, train.csv, fer2013.tar.gz, arrays (npz, npy, h5), parquet, or images as "
    "train/<class>/*.jpg and test/<class>/*.jpg, as a folder or zip"
)


@dataclass(frozen=True)
class FaceCopy:
    """A table of faces, or images in class folders, and all files around them."""

    files: RootFiles
    table: FaceTable | None = None
    images: Sequence[FolderImage] = ()
    notes: list[str] = field(default_factory=list)  # on the choice among several copies

    @property
    def title(self) -> str:
        """Description for the notes."""
        return self.table.title if self.table else f"{_CLASS_FOLDERS} in {self.files.path.resolve().name}"

    def digests(self) -> list[str]:
        """Return hashes of everything that is read."""
        return [self.table.digest() if self.table else self.files.digest(image.name for image in self.images)]


def recognise(
    root: str | os.PathLike[str] | None,
    names: ClassNames | None = None,
    ignore: Sequence[str] | None = None,
    *,
    owner: str = "fer2013",
    read_file: str = "",
) -> FaceCopy:
    """Detect what ``root`` is from names and first lines of a csv; also a folder in an archive (``a.zip/images``).

    Args:
        root: the user's path.
        names: meaning of class and split folders, if their own names do not say it.
        ignore: files and folders to leave out, relative to the root.
        owner: name of the dataset, for messages.
        read_file: a file next to the images that the caller reads, so that no note mentions it.

    Raises:
        InputError: the root cannot be read, or has none of FER2013's layouts.
    """
    meanings = names or ClassNames()
    files = open_root(owner, root, "FER2013", ignore=ignore, tables=True, enter=False)
    if not files.is_file:
        return _recognise_among(files, meanings, read_file)
    try:
        table = table_of_file(files)
    except InputError:
        images = _open_tar_of_images(files, meanings, ignore) if kind_of_file(files.path) == "tar" else None
        if images is None:
            raise
        return _recognise_among(images, meanings, read_file)
    if table is None:
        raise refuse_file(files, _LOOKED_FOR)
    return FaceCopy(files, table)


def _open_tar_of_images(files: RootFiles, meanings: ClassNames, ignore: Sequence[str] | None) -> RootFiles | None:
    """Return the files of a tar with class folders; None if it has none, or cannot be read this way."""
    try:
        inner = open_root("fer2013", files.path, "FER2013", ignore=ignore)
        return inner if has_class_folders(inner, meanings) else None
    except InputError:
        return None


def _recognise_among(files: RootFiles, meanings: ClassNames, read_file: str) -> FaceCopy:
    """Choose among several candidates: complete copies first, exact pixels before JPEG, known names first."""
    tables = find_tables(files)
    archives = [*tables.zips, *(name for name in files.names if name.lower().endswith(PACKED))]
    packed = [] if files.packed else archives
    splits = tables.split_tables()
    candidates = [
        *([name for name in tables.complete if _file(name) == file] for file in ("fer2013.csv", "icml_face_data.csv")),
        *([name for name in packed if _file(name) == file] for file in ("fer2013.tar.gz", "fer2013.zip")),
        [_CLASS_FOLDERS] if has_class_folders(files, meanings) else [],
        list(tables.complete),
        splits[:1],
        tables.arrow[:1],
        tables.arrays[:1],
        packed,
        [name for name in tables.parts if _file(name).startswith("train")],
        list(tables.parts),
    ]
    order = [name for group in candidates for name in group]
    complete = any(candidates[:-2])
    if not order:
        raise _refuse(files, tables.refused)
    chosen = order[0]
    if files.packed and archives and not complete:
        raise InputError(
            f"{files.path}: holds the archive {make_printable(archives[0])}, which is not read inside a zip, beside "
            f"{make_printable(chosen)}, which is not a complete copy; unpack it and give the folder"
        )
    rivals = next(group for group in candidates if group)[1:]
    twins = [name for name in rivals if len(split_name(name)) == len(split_name(chosen))]
    if twins:
        shown = ", ".join(make_printable(name) for name in [chosen, *twins][:5])
        raise InputError(
            f"{files.path}: holds several files that could be meant ({shown}); "
            + ("" if files.packed else "give one of them as --data.root, or ")
            + f"leave out all but one with --data.ignore {as_flag(twins)}"
        )
    table = _table_of(files, tables, chosen, splits)
    used = {chosen, *(table.names if table else ())}
    rest = [*order, *tables.parts, *tables.arrow, *tables.arrays, *tables.refused]
    unread = [make_printable(name) for name in dict.fromkeys(rest) if name not in used and _file(name) != read_file]
    more = f" and {len(unread) - 8} more" if len(unread) > 8 else ""
    notes = [f"Also there and not read: {', '.join(unread[:8])}{more}."] if unread else []
    if table is not None:
        return FaceCopy(files, table, notes=notes)
    if chosen == _CLASS_FOLDERS:
        images, more_notes = find_class_folders(files, meanings)
        return FaceCopy(files, None, images, notes + more_notes)
    inner = recognise(files.path / chosen, meanings)
    return FaceCopy(inner.files, inner.table, inner.images, notes + inner.notes)


def _table_of(files: RootFiles, tables: CopyTables, chosen: str, splits: list[str]) -> FaceTable | None:
    """Return the chosen table; None if class folders or an archive were chosen."""
    if chosen in splits[:1] and chosen not in tables.complete:
        return FaceTable(files, tuple(splits))
    if chosen in tables.arrow:
        return FaceTable(files, tuple(tables.arrow), "arrow")
    if chosen in tables.arrays:
        return FaceTable(files, tuple(tables.arrays), "arrays")
    return tables.complete.get(chosen) or tables.parts.get(chosen)


def _file(name: str) -> str:
    return split_name(name)[-1].lower()


def _refuse(files: RootFiles, refused: dict[str, str]) -> InputError:
    if len(refused) == 1:
        return InputError(*refused.values())
    if refused:
        first = next(iter(refused))
        return InputError(
            f"{files.path}: none of its {len(refused)} csv files is one of FER2013, the first: {refused[first]}"
        )
    shown = ", ".join(make_printable(name) for name in files.names[:3])
    packed = [name for name in files.names if name.lower().endswith((*PACKED, ".rar", ".7z"))]
    remedy = f"; unpack {make_printable(packed[0])} first" if packed else _describe_first(files)
    return InputError(
        f"{files.path}: nothing of FER2013 found in it (it holds {shown}{', ...' if len(files.names) > 3 else ''}"
        f"{remedy}); {describe_look(files, 'fer2013')}looked for {_LOOKED_FOR}"
    )


def _describe_first(files: RootFiles) -> str:
    """Describe the first files, if one of them is known to be something else."""
    if "xl/workbook.xml" in files.names:
        return "; it looks like an Excel workbook: save the sheet as csv"
    with files.opened() as open_file:
        for name in files.names[:20]:
            try:
                with open_file(name) as stream:
                    head = stream.read(64)
            except READ_ERRORS:
                continue
            if (description := look_like(head)) and not is_image(name) and not image_ending(head):
                return f"; {make_printable(name)} looks like {description}"
    return ""
