"""Finds out by content in which of its layouts a copy of FER2013 lies before us, however deep it lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fer_plugins.data.datasets.fer2013_folders import find_class_folders, has_class_folders
from fer_plugins.data.datasets.fer2013_layouts import ImageLayout, Layout, TableLayout
from fer_plugins.data.formats.archives.file_set import READ_ERRORS, FileSet, make_printable, split_name
from fer_plugins.data.formats.archives.folder_files import FolderFiles
from fer_plugins.data.formats.archives.opening import PACKED, split_inside
from fer_plugins.data.formats.archives.root_files import RootFiles
from fer_plugins.data.formats.archives.tar_files import TarFiles
from fer_plugins.data.formats.archives.zip_files import ZipFiles
from fer_plugins.data.formats.class_names import ClassNames
from fer_plugins.data.formats.file_kinds import image_ending, look_like
from fer_plugins.data.formats.folders.trees import as_flag
from fer_plugins.data.formats.image_files import is_image
from fer_plugins.data.formats.looks_like import describe_look
from fer_plugins.data.formats.tables.array_files import ArrayTable
from fer_plugins.data.formats.tables.arrow_files import ArrowTable
from fer_plugins.data.formats.tables.face_rows import FaceTable
from fer_plugins.data.formats.tables.face_tables import find_tables, join_csvs, kind_of_file, refuse_file, table_of_file
from fer_plugins.runtime.errors import InputError

_CLASS_FOLDERS = "class folders"
_DEPTH = 24  # levels of a folder that are looked at
_LOOKED_FOR = (
    "fer2013.csv, icml_face_data.csv, train.csv, fer2013.tar.gz, arrays (npz, npy, h5), parquet, or images as "
    "train/<class>/*.jpg and test/<class>/*.jpg, as a folder or zip"
)


def recognise(
    root: Path,
    codes: tuple[str, ...] = (),
    names: ClassNames | None = None,
    ignore: Sequence[str] | None = None,
    *,
    known: str = "",
) -> tuple[Layout, list[str]]:
    """Find out what ``root`` is, without reading more than names and a csv's first lines.

    Args:
        root: a file or folder that is there, or a folder in an archive (``archive.zip/images``).
        codes: class names in the order of the copy's codes, where they are not FER2013's.
        names: what class folders and folders of splits mean, where their own names do not say it.
        ignore: files and folders in it that the user leaves out.
        known: what files beside the images are called that the caller reads, so that they are no news.

    Returns:
        The layout, and sentences about the choice among several copies.

    Raises:
        InputError: it cannot be read, or is none of FER2013's layouts.
    """
    words, left_out = names or ClassNames(), ignore or ()
    root, inside = split_inside(root)
    if root.is_dir():
        return _recognise_among(RootFiles(FolderFiles(root, depth=_DEPTH), "", left_out), codes, words, known)
    kind = kind_of_file(root)
    if kind == "zip" or (kind in ("empty", "other") and root.suffix.lower() == ".zip"):
        return _recognise_among(RootFiles(ZipFiles(root), inside, left_out), codes, words, known)
    try:
        table = table_of_file(root)
    except InputError:
        files = _tar_of_images(root, inside, left_out, words) if kind == "tar" else None
        if files is None:
            raise
        return _recognise_among(files, codes, words, known)
    if table is None:
        raise refuse_file(root, _LOOKED_FOR)
    return TableLayout(table, codes), []


def _tar_of_images(root: Path, inside: str, left_out: Sequence[str], words: ClassNames) -> RootFiles | None:
    """Return the files of a tar that holds class folders; None where it holds none, or cannot be read so."""
    try:
        files = RootFiles(TarFiles(root), inside, left_out)
        return files if has_class_folders(files, words) else None
    except InputError:
        return None


def _recognise_among(
    files: RootFiles, codes: tuple[str, ...], words: ClassNames, known: str
) -> tuple[Layout, list[str]]:
    """Choose among what lies in a folder or zip: complete copies first, exact pixels before JPEG, known names first."""
    in_zip = not isinstance(files.whole, FolderFiles)
    tables = find_tables(files)
    archives = [*tables.zips, *(name for name in files.names if name.lower().endswith(PACKED))]
    packed = [] if in_zip else archives
    splits = tables.split_tables()
    groups = [
        *(
            [name for name in tables.complete if _file(name) == wanted]
            for wanted in ("fer2013.csv", "icml_face_data.csv")
        ),
        *([name for name in packed if _file(name) == wanted] for wanted in ("fer2013.tar.gz", "fer2013.zip")),
        [_CLASS_FOLDERS] if has_class_folders(files, words) else [],
        list(tables.complete),
        splits[:1],
        tables.arrow[:1],
        tables.arrays[:1],
        list(packed),
        [name for name in tables.parts if _file(name).startswith("train")],
        list(tables.parts),
    ]
    taken: list[str] = []
    for group in groups:
        group[:] = [name for name in group if name not in taken]
        taken += group
    complete = next((bool(group) for group in groups[:-2] if group), False)
    groups = [group for group in groups if group]
    if not groups:
        raise _refuse(files, tables.refused)
    if in_zip and archives and not complete:
        raise InputError(
            f"{files.path}: holds the archive {make_printable(archives[0])}, which is not read inside a zip, beside "
            f"{make_printable(groups[0][0])}, which is no complete copy; unpack it and give the folder"
        )
    chosen, *twins = groups[0]
    depth = len(split_name(chosen))
    twins = [name for name in twins if len(split_name(name)) == depth]
    if twins:
        shown = ", ".join(make_printable(name) for name in [chosen, *twins][:5])
        raise InputError(
            f"{files.path}: holds several files that could be meant ({shown}); "
            + ("" if in_zip else "give one of them as --data.root, or ")
            + f"leave out all but one with --data.ignore {as_flag(twins)}"
        )
    used = {chosen, *(splits if chosen in splits[:1] else ()), *(tables.arrow if chosen in tables.arrow else ())}
    used |= set(tables.arrays) if chosen in tables.arrays else set()
    others = [name for group in groups for name in group]
    others += [*tables.parts, *tables.arrow, *tables.arrays, *tables.refused]
    unread = [make_printable(name) for name in dict.fromkeys(others) if name not in used and _file(name) != known]
    more = f" and {len(unread) - 8} more" if len(unread) > 8 else ""
    notes = [f"Also there and not read: {', '.join(unread[:8])}{more}."] if unread else []
    if chosen == _CLASS_FOLDERS:
        found = find_class_folders(files, words)
        title = f"class folders in {files.path.resolve().name}"
        return ImageLayout(found.files, found.images, title), notes + found.notes
    if chosen in packed and chosen not in tables.complete:
        layout, inner = recognise(files.path / chosen, codes, words)
        return layout, notes + inner
    table: FaceTable
    if chosen in splits[:1]:
        table = join_csvs(tables, splits)
    elif chosen in tables.arrow:
        table = ArrowTable(files, tuple(tables.arrow))
    elif chosen in tables.arrays:
        table = ArrayTable(files, tuple(tables.arrays))
    else:
        table = tables.complete.get(chosen) or tables.parts[chosen]
    return TableLayout(table, codes), notes


def _file(name: str) -> str:
    return split_name(name)[-1].lower()


def _refuse(files: FileSet, refused: dict[str, str]) -> InputError:
    if len(refused) == 1:
        return InputError(*refused.values())
    if refused:
        first = next(iter(refused))
        return InputError(
            f"{files.path}: none of its {len(refused)} csv files is one of FER2013, the first: {refused[first]}"
        )
    shown = ", ".join(make_printable(name) for name in files.names[:3])
    packed = [name for name in files.names if name.lower().endswith((*PACKED, ".rar", ".7z"))]
    remedy = f"; unpack {make_printable(packed[0])} first" if packed else _look_at_first(files)
    return InputError(
        f"{files.path}: nothing of FER2013 found in it (it holds {shown}{', ...' if len(files.names) > 3 else ''}"
        f"{remedy}); {describe_look(files, 'fer2013')}looked for {_LOOKED_FOR}"
    )


def _look_at_first(files: FileSet) -> str:
    """Say what the first files look like, where one of them is known to be something else."""
    if "xl/workbook.xml" in files.names:
        return "; it looks like an Excel workbook: save the sheet as csv"
    with files.opened() as open_file:
        for name in files.names[:20]:
            try:
                with open_file(name) as stream:
                    head = stream.read(64)
            except READ_ERRORS:
                continue
            if (said := look_like(head)) and not is_image(name) and not image_ending(head):
                return f"; {make_printable(name)} looks like {said}"
    return ""
