"""Resolves the image paths of a list to files of the copy."""

from __future__ import annotations

import posixpath
from collections import defaultdict

from fer_plugins.data.formats.archives.file_set import make_printable, split_name
from fer_plugins.data.formats.archives.root_files import RootFiles
from fer_plugins.data.formats.class_names import ClassNames
from fer_plugins.data.formats.image_files import is_image
from fer_plugins.runtime.errors import InputError


class ListedPaths:
    """Finds the image that a list names: by its path, by a path that ends alike, or by the folder of its split."""

    def __init__(self, files: RootFiles, listed: str, names: ClassNames) -> None:
        self._files = files
        self._names = names
        self._beside = posixpath.dirname(listed)
        self._paths = set(files.names)
        # The folder that a zip holds everything in is no part of the path, as it is none of an unpacked copy.
        self._top = posixpath.commonpath([posixpath.dirname(path) for path in self._paths])
        self._by_file: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in files.names:
            file = path.rpartition("/")[2]
            self._by_file[file].append(path)
            if is_image(file):
                self._by_stem[file.rpartition(".")[0]].append(path)
        self.missing = 0  # how many were not found
        self.unclear = ""  # the first that could be several files, as a sentence

    def find(self, given: str, split: str, where: str) -> str:
        """Return the name of the image in the file set; where it is not there, the path at which it should be.

        Raises:
            InputError: the path leads out of the copy.
        """
        path = posixpath.normpath("/".join(part for part in [self._beside, *split_name(given)] if part))
        if path not in self._paths:
            file = path.rpartition("/")[2]
            alike = [name for name in self._by_file.get(file, ()) if self._end_alike(name, given)]
            if not alike and not is_image(file):  # a name without its ending
                stems = self._by_stem.get(file, ())
                alike = [name for name in stems if self._end_alike(name.rpartition(".")[0], given)]
            if len(alike) > 1 and split:
                alike = [name for name in alike if self._split_of(name) == split] or alike
            if len(alike) > 1 and not self.unclear:
                shown = ", ".join(make_printable(candidate) for candidate in alike[:3])
                self.unclear = f"the image {make_printable(given)!r} could be any of {len(alike)} files ({shown})"
            path = alike[0] if len(alike) == 1 else path
        if path.startswith("../"):
            raise InputError(
                f"{where}: {given!r} lies outside of {self._files.path}; give a folder that holds both as --data.root, "
                "and --data.csv"
            )
        self.missing += path not in self._paths
        return path

    def _split_of(self, path: str) -> str | None:
        """Return the split that the nearest of the folders of ``path`` names, or None."""
        above = split_name(posixpath.relpath(path, self._top or "."))[-2::-1]
        return next((split for word in above if (split := self._names.split(word))), None)

    def _end_alike(self, path: str, given: str) -> bool:
        """Tell whether one of two paths is the end of the other, so that the folders that both name are the same."""
        wanted = [part for part in split_name(given)[::-1] if part not in ("", ".")]
        inner = posixpath.relpath(path, self._top or ".")
        ends = (zip(name.split("/")[::-1], wanted, strict=False) for name in (path, inner))
        return any(all(a == b for a, b in pairs) for pairs in ends)
