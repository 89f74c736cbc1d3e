"""Folders that name split and class together, such as ``train_happy``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fer_plugins.data.formats.class_names import ClassNames

Folders = tuple[str, ...]


def divide_folders(folders: Iterable[Folders], names: ClassNames) -> dict[Folders, Folders]:
    """Return how each path is read: ``train_happy`` as ``train/happy``, where every path has such a folder."""
    paths = set(folders)
    divided = {path: tuple(part for folder in path for part in _divide(folder, names)) for path in paths}
    if all(len(divided[path]) > len(path) for path in paths):
        return divided
    return {path: path for path in paths}


def _divide(folder: str, names: ClassNames) -> tuple[str, ...]:
    if names.split(folder) or names.expression(folder):
        return (folder,)
    for mark in re.finditer(r"[\s_.-]+", folder):
        pair = folder[: mark.start()], folder[mark.end() :]
        if any(map(names.split, pair)) and any(map(names.expression, pair)):
            return pair
    return (folder,)
