"""Matches the file names of a copy against a layout, and reports what was not read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fer_plugins.data.formats.archives.file_set import make_printable, split_name
from fer_plugins.data.formats.archives.root_files import RootFiles
from fer_plugins.data.formats.folders.trees import refuse_trees, sort_trees
from fer_plugins.data.formats.image_files import is_image
from fer_plugins.data.formats.looks_like import describe_look
from fer_plugins.runtime.errors import InputError


def match_files(files: RootFiles, pattern: str, owner: str) -> list[tuple[str, dict[str, str]]]:
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
    matches = []
    tops: dict[str, dict[str, str]] = {}
    for name in files.names:
        if matched := compiled.fullmatch(name):
            matches.append((name, matched.groupdict()))
            above = matched["above"]
            tops.setdefault(above.rstrip("/"), {})[name[len(above) :]] = name
    if len(tops) > 1:
        first, differing = sort_trees(files, tops)
        if differing:
            raise refuse_trees(files, first, differing[0], owner)
        kept = set(tops[first].values())
        matches = [(name, match) for name, match in matches if name in kept]
    return matches


def note_unread(files: RootFiles, read: Iterable[str], why: str) -> list[str]:
    """Return a sentence on the images of a copy that are none of ``read``, or [] where there are none.

    Args:
        files: the copy.
        read: the images that are samples.
        why: the reason why others are none, such as "their names are none of the release's".
    """
    known = set(read)
    unread = [name for name in files.names if is_image(name) and name not in known]
    if not unread:
        return []
    folders = sorted({"/".join(split_name(name)[:-1]) or "its top" for name in unread})
    shown = ", ".join(make_printable(folder) for folder in folders[:3]) + (", ..." if len(folders) > 3 else "")
    return [
        f"{len(unread):,} images were not read, since {why}: the first {make_printable(unread[0])}; they lie in "
        f"{shown}."
    ]


def refuse_layout(files: RootFiles, owner: str, layouts: str) -> InputError:
    """Return the error for a copy that is none of a dataset's layouts; it shows what lies there instead."""
    shown = ", ".join(make_printable(name) for name in files.names[:3])
    return InputError(
        f"{files.path}: nothing of {owner} found in it (it holds {shown}{', ...' if len(files.names) > 3 else ''}); "
        f"{describe_look(files, owner)}looked for {layouts}"
    )


def refuse_no_splits(files: RootFiles, splits: str) -> InputError:
    """Return the error for class folders of a dataset whose release has ``splits``, where none is named."""
    return InputError(
        f"{files.path}: holds class folders and none of {splits}; read it as --data folder with --protocol random"
    )
