"""Lists of images and labels: csv, tsv, ``path label`` lines without header, JSON lines; one list or one per split."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fer_image_files.archives.file_set import make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.decoding import is_image
from fer_image_files.folders.trees import as_flag
from fer_image_files.lists.list_lines import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    LIST_SUFFIXES,
    ListedPaths,
    first_lines,
    is_list,
    join_one_hot,
    read_lines,
)
from fer_image_files.tables.csv_files import find_column
from fer_plugins.runtime.errors import InputError

_SPLIT_COLUMNS = ("split", "usage", "subset", "partition", "set")


class ListedImage(NamedTuple):
    """One line of a list."""

    name: str  # name of the image in the file set
    label: str  # as written
    known: dict[str, str]  # split, subject and sequence, if the list has them


class Columns(NamedTuple):
    """Names of the columns, as given by the user."""

    image: str | None
    label: str | None
    others: Mapping[str, str]  # split, subject, sequence -> column


def choose_lists(files: RootFiles, option: Any, names: ClassNames, root: str = "") -> list[tuple[str, str]]:
    """Return the lists named by the option, each with its split ("" if the list itself has the splits).

    ``option`` is the name of a list, several names, a folder of lists, or a mapping from splits to lists; paths are
    relative to the copy or, if ``root`` is the copy's folder, to the working directory. Raises InputError if a list
    does not exist or names no split.
    """
    if isinstance(option, Mapping):
        chosen: list[tuple[str, str]] = []
        for key, item in option.items():
            split = names.split(str(key))
            if split is None:
                raise InputError(f"--data.csv: {str(key)[:40]!r} names no split; give train, val or test")
            several = [item] if isinstance(item, str) else item
            if not isinstance(several, list | tuple):
                raise InputError(f"--data.csv: {key} is {item!r}; give the name of a list")
            chosen += [(name, split) for part in several for name in _find_list(files, str(part), root)]
        return chosen
    several = [option] if isinstance(option, str) else list(option)
    lists = [name for item in several for name in _find_list(files, item, root)]
    lists = list(dict.fromkeys(lists))
    return [(name, "") for name in lists] if len(lists) == 1 else name_splits(files, lists, names)


def find_lists(files: RootFiles) -> list[str]:
    """Return the files that list images with labels, by their first lines."""
    images = {name.rpartition(".")[0] for name in files.names if is_image(name)}
    lists: list[str] = []
    with files.opened() as opener:
        for name in files.names:
            stem, _, ending = name.lower().rpartition(".")
            # A text file next to each image, or in YOLO's folder labels, holds boxes.
            boxes = ending == "txt" and (name.rpartition(".")[0] in images or "labels" in stem.split("/")[:-1])
            if name.lower().endswith(LIST_SUFFIXES) and not boxes and is_list(first_lines(files, name, opener)):
                lists.append(name)
    return lists


def name_splits(files: RootFiles, lists: Sequence[str], names: ClassNames) -> list[tuple[str, str]]:
    """Return the lists with the split in each name, or in the nearest folder above; raises InputError for none."""
    chosen = []
    for name in lists:
        *above, file = split_name(name)
        folders = [file.partition(".")[0], *above[::-1]]
        split = next((split for word in folders if (split := names.split(word))), None)
        if split is None:
            shown = ", ".join(make_printable(name_shown) for name_shown in lists[:5])
            raise InputError(
                f"{files.path}: holds {len(lists)} lists of images ({shown}), and {make_printable(name)} names no "
                f"split; give one with --data.csv {make_printable(name)}, or say which is which: --data.csv "
                f"{as_flag({'train': lists[0], 'test': lists[-1]})}"
            )
        chosen.append((name, split))
    return chosen


def read_list(
    files: RootFiles, listed: str, columns: Columns, names: ClassNames, split: str = ""
) -> tuple[list[ListedImage], list[str]]:
    """Read one list: its lines in order, and sentences on what was not read.

    An image is searched relative to the list, or by the end of its path, or by its split. ``split`` is that of the
    whole list, "" if it has none. Raises InputError if columns, labels or all images are missing, or an image is listed
    twice or is outside the copy.
    """
    where = files.where(listed)
    header, lines = read_lines(files, listed)
    # If no column has a usual name: the one with names of images.
    full = [column for at, column in enumerate(header) if all(is_image(line[at].strip()) for line in lines[:20])]
    image = _find(header, columns.image, (*IMAGE_COLUMNS, *map(str.lower, full[:1])), where, "image")
    header, lines = join_one_hot(header, lines, columns.label, where)
    label = _find(header, columns.label, LABEL_COLUMNS, where, "label")
    extra_columns = {key: find_column(header, column, where) for key, column in columns.others.items()}
    if "split" not in extra_columns:
        for column in _SPLIT_COLUMNS:
            at = [field.lower() for field in header].index(column) if column in map(str.lower, header) else -1
            if at not in (-1, image, label) and all(names.split(line[at]) for line in lines):
                extra_columns["split"] = at
                break
    paths = ListedPaths(files, listed, names)
    listed_images: list[ListedImage] = []
    row_of_image: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        values = {key: line[at].strip() for key, at in extra_columns.items()}
        empty = [key for key, value in values.items() if not value]
        if empty:
            raise InputError(f"{where}: row {number} has no {empty[0]}; fill it in, or leave out the column")
        if "split" in values:
            meaning = names.split(values["split"])
            if meaning is None:
                raise InputError(
                    f"{where}: row {number}: the split is {values['split'][:40]!r}; train, val or test is needed, or "
                    f"what it means: --data.names {as_flag({values['split']: 'train'})}"
                )
            values["split"] = meaning
        path = line[image].strip()
        name = paths.find(path, values.get("split", split), f"{where}: row {number}")
        if name in row_of_image:
            raise InputError(
                f"{where}: rows {row_of_image[name]} and {number} name the same image {path!r}; remove one of them"
            )
        row_of_image[name] = number
        listed_images.append(ListedImage(name, line[label].strip(), values))
    if listed_images and paths.missing == len(listed_images) and len(listed_images) > 1:
        if paths.unclear:
            raise InputError(f"{where}: {paths.unclear}; write into the list which one is meant")
        raise InputError(
            f"{where}: none of its {len(listed_images):,} images is there, the first "
            f"{make_printable(listed_images[0].name)}; give the folder that holds list and images as --data.root"
        )
    unread = [
        column for at, column in enumerate(header) if column and at not in (image, label, *extra_columns.values())
    ]
    shown = ", ".join(map(make_printable, unread[:8]))
    return listed_images, [f"Columns of {make_printable(listed)} that were not read: {shown}."] if unread else []


def _find_list(files: RootFiles, name_or_folder: str, root: str) -> list[str]:
    tries = [name_or_folder]
    if root:
        try:
            tries.append(
                Path(name_or_folder).expanduser().resolve().relative_to(Path(root).expanduser().resolve()).as_posix()
            )
        except (ValueError, OSError):
            pass
    for candidate in tries:
        path = posixpath.normpath(candidate.replace(os.sep, "/"))
        if path in files.names:
            return [path]
        matches = [name for name in files.names if name.endswith(f"/{path}")]
        if len(matches) == 1:
            return matches
        below = [name for name in files.names if path == "." or f"/{path}/" in f"/{name}"]
        below = [name for name in below if name.lower().endswith(LIST_SUFFIXES) and is_list(first_lines(files, name))]
        if below:
            return below
    lists = [name for name in files.names if name.lower().endswith(LIST_SUFFIXES)]
    shown = f"; there are {', '.join(map(make_printable, lists[:5]))}" if lists else ""
    raise InputError(f"{files.path}: holds no list {make_printable(name_or_folder)}{shown}; give --data.csv another")


def _find(header: list[str], name: str | None, usual_names: Sequence[str], where: str, kind: str) -> int:
    if name is not None:
        return find_column(header, name, where)
    folded = [field.lower() for field in header]
    for column in usual_names:
        if column in folded:
            return folded.index(column)
    raise InputError(
        f"{where}: has no column {kind!r} or another that is known; its columns: {', '.join(header)[:200]}; name it "
        f"with --data.{kind}_column NAME"
    )
