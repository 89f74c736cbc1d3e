"""Finding one's way in a copy of a dataset: opening what the user gave, matching names, saying what was not read."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from fer_plugins.data.datasets.archives import FileSet, FolderFiles, ZipFiles, make_printable
from fer_plugins.data.datasets.image_files import IMAGE_SUFFIXES
from fer_plugins.errors import InputError

_OTHER_IMAGES = (".gif", ".webp", ".heic", ".avif", ".jfif")  # which are not read


def open_root(
    owner: str, root: str | os.PathLike[str] | None, layouts: str, *, depth: int = 6, limit: int = 2_000_000
) -> FileSet:
    """Open the folder or zip that the user gave.

    Args:
        owner: the dataset's name, for messages.
        root: as given.
        layouts: what is looked for, for messages.
        depth: how many levels of a folder are looked at.
        limit: largest number of files.

    Raises:
        InputError: nothing was given, it does not exist, is neither folder nor zip, or cannot be read.
    """
    if root is None or not os.fspath(root):
        raise InputError(f"{owner}: no data given; give --data.root the folder or zip that holds {layouts}")
    path = Path(root).expanduser()
    try:
        if not path.exists():
            raise InputError(f"{path}: does not exist; give --data.root the folder or zip that holds {layouts}")
        if path.is_dir():
            return FolderFiles(path, depth=depth, limit=limit)
        if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
            return ZipFiles(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give --data.root another") from error
    raise InputError(f"{path}: is neither a folder nor a zip; give --data.root {layouts}")


def match_files(files: FileSet, pattern: str, owner: str) -> list[tuple[str, dict[str, str]]]:
    r"""Match the ends of the files' names; what lies above must be one folder, the same for all.

    Args:
        files: the copy.
        pattern: of the last parts of a name, parts divided by "/", in any case.
        owner: the dataset's name, for messages.

    Returns:
        Names, and what the groups of ``pattern`` matched.

    Raises:
        InputError: two copies lie side by side.
    """
    compiled = re.compile(rf"(?P<above>(?:.*?/)??){pattern}", re.IGNORECASE)
    found = []
    tops: dict[str, str] = {}
    for name in files.names:
        matched = compiled.fullmatch(name.replace("\\", "/"))
        if matched:
            found.append((name, matched.groupdict()))
            tops.setdefault(matched["above"], name)
    if len(tops) > 1:
        first, second = sorted(tops)[:2]
        raise InputError(
            f"{files.path}: {owner} lies in {first or 'its top'!r} and in {second!r}; give one of them as --data.root"
        )
    return found


def is_image(name: str) -> bool:
    """Tell by a file's ending whether it is an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def note_unread(files: FileSet, read: Iterable[str]) -> list[str]:
    """Return a sentence on the images of a copy that are none of ``read``, or [] where there are none."""
    known = set(read)
    others = [name for name in files.names if (is_image(name) or name.lower().endswith(_OTHER_IMAGES))]
    others = [name for name in others if name not in known]
    return (
        [f"{len(others):,} image files there were not read, the first {make_printable(others[0])}."] if others else []
    )


def refuse_layout(files: FileSet, owner: str, layouts: str) -> InputError:
    """Return the error for a copy that is none of a dataset's layouts; it shows what lies there instead."""
    shown = ", ".join(make_printable(name) for name in files.names[:3])
    packed = [name for name in files.names if name.lower().endswith((".zip", ".rar", ".7z", ".tar", ".tar.gz", ".tgz"))]
    remedy = f"; unpack {make_printable(packed[0])} first" if packed else ""
    return InputError(
        f"{files.path}: nothing of {owner} found in it (it holds {shown}{', ...' if len(files.names) > 3 else ''}); "
        f"looked for {layouts}{remedy}"
    )
