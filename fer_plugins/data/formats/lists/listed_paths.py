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

    def find(self, listed_path: str, split: str, where: str) -> str:
        """Return the image's name in the file set, or where it should be; InputError if that is outside the copy."""
        path = posixpath.normpath("/".join(part for part in [self._beside, *split_name(listed_path)] if part))
        if path not in self._paths:
            file = path.rpartition("/")[2]
            matches = [name for name in self._by_file.get(file, ()) if self._end_alike(name, listed_path)]
            if not matches and not is_image(file):  # a name without its ending
                stems = self._by_stem.get(file, ())
                matches = [name for name in stems if self._end_alike(name.rpartition(".")[0], listed_path)]
            if len(matches) > 1 and split:
                matches = [name for name in matches if self._split_of(name) == split] or matches
            if len(matches) > 1 and not self.unclear:
                shown = ", ".join(make_printable(candidate) for candidate in matches[:3])
                self.unclear = (
                    f"the image {make_printable(listed_path)!r} could be any of {len(matches)} files ({shown})"
                )
            path = matches[0] if len(matches) == 1 else path
        if path.startswith("../"):
            raise InputError(
                f"{where}: {listed_path!r} lies outside of {self._files.path}; give a folder that holds both as "
                "--data.root, and --data.csv"
            )
        self.missing += path not in self._paths
        return path

    def _split_of(self, path: str) -> str | None:
        """Return the split that the nearest of the folders of ``path`` names, or None."""
        above = split_name(posixpath.relpath(path, self._top or "."))[-2::-1]
        return next((split for word in above if (split := self._names.split(word))), None)

    def _end_alike(self, path: str, listed_path: str) -> bool:
        """Tell whether one of two paths is the end of the other, so that the folders that both name are the same."""
        listed_parts = [part for part in split_name(listed_path)[::-1] if part not in ("", ".")]
        inner = posixpath.relpath(path, self._top or ".")
        ends = (zip(name.split("/")[::-1], listed_parts, strict=False) for name in (path, inner))
        return any(all(a == b for a, b in pairs) for pairs in ends)
