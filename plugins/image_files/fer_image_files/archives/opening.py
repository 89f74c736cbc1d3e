"""Open the root of a dataset: a folder, a zip, a tar, or a folder inside one of these."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from fer_image_files.archives.file_set import FolderFiles, ZipFiles, is_hidden
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.archives.tar_files import TarFiles, is_tar
from fer_image_files.decoding import is_image
from fer_image_files.file_kinds import kind_of_file, open_path
from fer_plugins.runtime.errors import InputError

PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_BESIDE = re.compile(r"(?:readme|licen[cs]e|copying|citation|md5|sha\d*)", re.IGNORECASE)


def open_root(
    owner: str,
    root: str | os.PathLike[str] | None,
    layouts: str,
    *,
    ignore: Sequence[str] | None = None,
    tables: bool = False,
    enter: bool = True,
) -> RootFiles:
    """Open the user's folder, zip or tar, a folder inside a zip or tar, or the only archive in a folder.

    Args:
        owner: name of the dataset, for messages.
        root: the user's path; raises InputError if it is missing, neither folder nor archive, or unreadable.
        layouts: the expected layouts, for messages.
        ignore: files and folders to leave out, relative to the root.
        tables: the root may be a table: a tar, or a file that is not an archive, is opened as a single file.
        enter: whether to open the only archive in a folder instead of the folder.
    """
    expected = f"{'the file or folder' if tables else 'the folder, zip or tar'} that holds {layouts}"
    if root is None or not os.fspath(root):
        raise InputError(f"{owner}: no data given; give --data.root {expected}")
    path, inside = split_inside(Path(os.path.expanduser(root)))
    path = open_path(path, expected)
    if enter and not inside:
        path = enter_archive(path)
    if path.is_dir():
        return RootFiles(FolderFiles(path, depth=24, limit=2_000_000), "", ignore)
    kind = kind_of_file(path)
    broken_zip = path.suffix.lower() == ".zip" and (kind in ("empty", "other") or not tables)
    if kind != "tar" and (broken_zip or kind == "zip" or (not tables and zipfile.is_zipfile(path))):
        return RootFiles(ZipFiles(path), inside, ignore)
    if tables and not inside:
        return RootFiles(FolderFiles(path))
    if is_tar(path):
        return RootFiles(TarFiles(path), inside, ignore)
    description = "an image, and a dataset is many" if is_image(path.name) else "neither a folder nor a zip or tar"
    raise InputError(f"{path}: is {description}; give --data.root {expected}")


def enter_archive(path: Path) -> Path:
    """Return the only archive of a folder, ignoring its licence and the like; else ``path`` itself."""
    try:
        names = [entry.name for entry in os.scandir(path)] if path.is_dir() else []
    except OSError:
        return path
    names = [name for name in names if not (is_hidden(name) or _BESIDE.match(name))]
    only = path / names[0] if len(names) == 1 and names[0].lower().endswith(PACKED) else path
    return only if only.is_file() and (zipfile.is_zipfile(only) or is_tar(only)) else path


def split_inside(path: Path) -> tuple[Path, str]:
    """Split ``archive.zip/images/train`` into the archive and the folder in it."""
    for above in path.parents:
        try:
            if above.is_file():
                return above, path.relative_to(above).as_posix()
            if above.exists():
                break
        except (OSError, ValueError):
            break
    return path, ""
