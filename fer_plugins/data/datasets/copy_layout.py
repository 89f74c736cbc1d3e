"""Finding one's way in a copy of a dataset: opening what the user gave, matching names, saying what was not read."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from fer_plugins.data.formats.archives import FileSet, FolderFiles, ZipFiles, make_printable, split_name
from fer_plugins.data.formats.image_files import is_image
from fer_plugins.data.formats.looks_like import describe_look
from fer_plugins.data.formats.root_files import RootFiles
from fer_plugins.data.formats.tar_files import TarFiles, is_tar
from fer_plugins.data.formats.trees import refuse_trees, sort_trees
from fer_plugins.runtime.errors import InputError


def open_root(
    owner: str,
    root: str | os.PathLike[str] | None,
    layouts: str,
    *,
    ignore: Sequence[str] | None = None,
    depth: int = 24,
    limit: int = 2_000_000,
) -> RootFiles:
    """Open the folder, zip or tar that the user gave, or a folder inside a zip or tar.

    Args:
        owner: the dataset's name, for messages.
        root: as given.
        layouts: what is looked for, for messages.
        ignore: files and folders, relative to the root, that the user leaves out.
        depth: how many levels of a folder are looked at.
        limit: largest number of files.

    Raises:
        InputError: nothing was given, it does not exist, is neither folder nor archive, or cannot be read.
    """
    wanted = f"the folder, zip or tar that holds {layouts}"
    if root is None or not os.fspath(root):
        raise InputError(f"{owner}: no data given; give --data.root {wanted}")
    path, inside = split_inside(Path(root).expanduser())
    try:
        if not path.exists():
            raise InputError(f"{path}: does not exist; give --data.root {wanted}")
        if path.is_dir():
            return RootFiles(FolderFiles(path, depth=depth, limit=limit), "", ignore or ())
        if path.is_file() and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)) and not is_tar(path):
            return RootFiles(ZipFiles(path), inside, ignore or ())
        if is_tar(path):
            return RootFiles(TarFiles(path), inside, ignore or ())
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give --data.root another") from error
    except ValueError as error:  # a NUL in a path
        raise InputError(f"{make_printable(str(path))}: is no path ({error}); give --data.root another") from error
    what = "an image, and a dataset is many" if is_image(path.name) else "neither a folder nor a zip or tar"
    raise InputError(f"{path}: is {what}; give --data.root {wanted}")


def split_inside(path: Path) -> tuple[Path, str]:
    """Divide ``archive.zip/images/train`` into the archive and the folder in it."""
    for above in path.parents:
        try:
            if above.is_file():
                return above, path.relative_to(above).as_posix()
            if above.exists():
                break
        except (OSError, ValueError):
            break
    return path, ""


def match_files(files: FileSet, pattern: str, owner: str) -> list[tuple[str, dict[str, str]]]:
    r"""Match the ends of the files' names; what lies above must be one folder, the same for all.

    The same tree once more (an archive that holds itself in a second folder) is left out of ``files``, with a note.

    Args:
        files: the copy.
        pattern: of the last parts of a name, parts divided by "/", in any case.
        owner: the dataset's name, for messages.

    Returns:
        Names, and what the groups of ``pattern`` matched.

    Raises:
        InputError: two copies that differ lie side by side.
    """
    compiled = re.compile(rf"(?P<above>(?:.*?/)??){pattern}", re.IGNORECASE)
    found = []
    tops: dict[str, dict[str, str]] = {}
    for name in files.names:
        path = name.replace("\\", "/")
        matched = compiled.fullmatch(path)
        if matched:
            found.append((name, matched.groupdict()))
            above = matched["above"]
            tops.setdefault(above.rstrip("/"), {})[path[len(above) :]] = name
    if len(tops) > 1:
        first, differing = sort_trees(files, tops)
        if differing:
            raise refuse_trees(files, first, differing[0], owner)
        kept = set(tops[first].values())
        found = [(name, match) for name, match in found if name in kept]
    return found


def note_unread(files: FileSet, read: Iterable[str], why: str) -> list[str]:
    """Return a sentence on the images of a copy that are none of ``read``, or [] where there are none.

    Args:
        files: the copy.
        read: the images that are samples.
        why: the reason why others are none, such as "their names are none of the release's".
    """
    known = set(read)
    others = [name for name in files.names if is_image(name) and name not in known]
    if not others:
        return []
    folders = sorted({"/".join(split_name(name)[:-1]) or "its top" for name in others})
    shown = ", ".join(make_printable(folder) for folder in folders[:3]) + (", ..." if len(folders) > 3 else "")
    return [
        f"{len(others):,} images were not read, since {why}: the first {make_printable(others[0])}; they lie in "
        f"{shown}."
    ]


def refuse_layout(files: FileSet, owner: str, layouts: str) -> InputError:
    """Return the error for a copy that is none of a dataset's layouts; it shows what lies there instead."""
    shown = ", ".join(make_printable(name) for name in files.names[:3])
    return InputError(
        f"{files.path}: nothing of {owner} found in it (it holds {shown}{', ...' if len(files.names) > 3 else ''}); "
        f"{describe_look(files, owner)}looked for {layouts}"
    )
