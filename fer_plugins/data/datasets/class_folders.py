"""Finds images that are sorted into folders, ``train/<class>/<file>``, and reads the class from the folder's name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fer_plugins.data.datasets.archives import FileSet, split_name
from fer_plugins.data.datasets.image_files import IMAGE_SUFFIXES
from fer_plugins.data.datasets.labels import EXPRESSIONS, expression_of
from fer_plugins.errors import InputError

# Names, never positions: the alphabetical order of folders differs from the order of FER2013's codes.
_KNOWN = tuple(name for name in EXPRESSIONS if name != "contempt")  # FER2013 has none
# What the folder or column of a split is called, in lower case.
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "publictest"), "val"),
    **dict.fromkeys(("test", "testing", "privatetest"), "test"),
}


class ClassFile(NamedTuple):
    """One image: its name in the file set, the split that its folder says, its class, its own file name."""

    name: str
    split: str
    expression: str
    file: str


def has_class_files(names: Iterable[str]) -> bool:
    """Tell whether images lie as ``train|val|test/<folder>/<file>``, whatever the folders are called."""
    return any(_split_path(name)[1] and _is_image(name) for name in names)


def find_class_files(files: FileSet) -> tuple[list[ClassFile], list[str]]:
    """Pick the images that lie as ``train|val|test/<class>/<file>``.

    The three may lie below one or more folders, the same for all.

    Returns:
        The images in the order of ``files.names``, and the names of other files in the class folders.

    Raises:
        InputError: a class folder with an unknown name, or two such trees side by side.
    """
    found: list[ClassFile] = []
    others: list[str] = []
    tops: dict[str, None] = {}
    for name in files.names:
        top, split, folder, file = _split_path(name)
        if not split:
            continue
        if not _is_image(file):
            others.append(name)
            continue
        expression = expression_of(folder)
        if expression not in _KNOWN:
            raise InputError(
                f"{files.where(name)}: the class folder {folder!r} is unknown; rename or remove it (known: "
                f"{', '.join(_KNOWN)})"
            )
        tops[top] = None
        found.append(ClassFile(name, split, expression, file))
    if len(tops) > 1:
        first, second = list(tops)[:2]
        raise InputError(
            f"{files.path}: holds class folders in {first or 'its top'!r} and in {second!r}; give one of them"
        )
    return found, others


def _split_path(name: str) -> tuple[str, str, str, str]:
    """Return what lies above, the split ("" where the name is not so built), the class folder and the file."""
    *top, part, folder, file = ["", "", *split_name(name)]
    return "/".join(top[2:]), PARTS.get(part.lower(), ""), folder, file


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)
