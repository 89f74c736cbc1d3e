"""The files of a dataset's root: a folder, an archive or a folder in it, without ignored files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fer_image_files.archives.file_set import (
    FolderFiles,
    Opener,
    ZipFiles,
    hash_file,
    make_printable,
    split_name,
)
from fer_image_files.archives.tar_files import TarFiles
from fer_plugins.runtime.errors import InputError

_SAMPLED = 32  # files of a second tree whose bytes are compared, if names and sizes are the same


class RootFiles:
    """Named files that are read in place; picklable, since nothing stays open between two readings.

    Args:
        files: a folder, file or archive.
        inside: the dataset's folder in it, "" for the top; raises InputError if it does not exist.
        ignored: files and folders to leave out, relative to ``inside``; ``*`` matches within one part of a path, as in
            ``*.tiff``, ``train/*.png``, or ``/*.png`` at the top. Raises InputError if one matches nothing.
    """

    def __init__(
        self, files: FolderFiles | ZipFiles | TarFiles, inside: str = "", ignored: Sequence[str] | None = None
    ) -> None:
        self.whole = files
        self._inside = inside
        self.notes: list[str] = []  # what was left out, with reasons
        prefix = split_name(inside) if inside else []
        parts = {name: split_name(name) for name in files.names}
        self._full = {
            "/".join(path[len(prefix) :]): name for name, path in parts.items() if path[: len(prefix)] == prefix
        }
        if not self._full:
            shown = ", ".join(sorted({path[0] for path in parts.values()})[:8])
            raise InputError(f"{files.path}: holds nothing in {inside!r}; there is {make_printable(shown)}")
        self._names: tuple[str, ...] | None = None
        for pattern in ignored or ():
            start = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
            away = [name for name in self._full if _is_meant(name, start)]
            if not away:
                tops = sorted({name.split("/")[0] for name in self._full})
                raise InputError(
                    f"{self.path}: there is no {pattern!r}, which --data.ignore names; there is "
                    f"{make_printable(', '.join(tops[:8]))}"
                )
            self.leave_out(away, f"{len(away):,} files of {make_printable(start)} were left out (--data.ignore).")

    def leave_out(self, names: Iterable[str], note: str) -> None:
        """Treat files as if they did not exist; ``note`` gives the reason."""
        for name in names:
            del self._full[name]
        self._names = None
        self.notes.append(note)

    @property
    def path(self) -> Path:
        """The folder, file or archive, joined with the folder inside it."""
        return self.whole.path / self._inside if self._inside else self.whole.path

    @property
    def names(self) -> Sequence[str]:
        """Names relative to ``path``, sorted, with "/"."""
        if self._names is None:
            self._names = tuple(sorted(self._full))
        return self._names

    @property
    def packed(self) -> bool:
        """Whether the files are in a zip or tar."""
        return not isinstance(self.whole, FolderFiles)

    @property
    def is_file(self) -> bool:
        """Whether it is a single file."""
        return isinstance(self.whole, FolderFiles) and self.whole.is_file

    def on_disk(self, name: str) -> Path | None:
        """Return the path of a file, None if it is in an archive."""
        return self.whole.folder / self._full[name] if isinstance(self.whole, FolderFiles) else None

    def where(self, name: str) -> str:
        """Return the location of a file, for messages."""
        full = self._full.get(name, "/".join(filter(None, [self._inside, name])))
        place = self.whole.folder / full if isinstance(self.whole, FolderFiles) else f"{self.whole.path}:{full}"
        return make_printable(str(place))

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Open the folder or archive and yield a function that opens one file by name."""
        with self.whole.opened() as opener:
            yield lambda name: opener(self._full.get(name, name))

    def digest(self, names: Iterable[str]) -> str:
        """Hash these files: 32 hex digits that change with the files; raises InputError if a file cannot be read.

        For a file or archive, the bytes are hashed; for a folder, names, sizes and modification times (ns), since
        reading all files would cost as much as decoding them.
        """
        if not isinstance(self.whole, FolderFiles) or self.whole.is_file:
            return hash_file(self.whole.path)
        hashed = hashlib.blake2b(digest_size=16)
        for name in names:
            try:
                status = (self.whole.path / self._full[name]).stat()
            except OSError as error:
                raise InputError(f"{self.where(name)}: cannot be read ({error.strerror})") from error
            hashed.update(os.fsencode(f"{self._full[name]}\0{status.st_size}\0{status.st_mtime_ns}\n"))
        return hashed.hexdigest()

    def are_same(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Return whether all pairs of files are equal: by checksum in a zip, else by size and some files' bytes."""
        full = [(self._full[first_name], self._full[second_name]) for first_name, second_name in pairs]
        source = self.whole
        if isinstance(source, ZipFiles):
            sums = source.checksums()
            return all(sums[first_name] == sums[second_name] for first_name, second_name in full)
        for first_name, second_name in full:
            if isinstance(source, TarFiles):
                same = source.size(first_name) == source.size(second_name)
            else:
                same = (source.folder / first_name).stat().st_size == (source.folder / second_name).stat().st_size
            if not same:
                return False
        with source.opened() as open_file:
            for first_name, second_name in full[:: max(1, len(full) // _SAMPLED)]:
                with open_file(first_name) as first, open_file(second_name) as second:
                    if first.read() != second.read():
                        return False
        return True


def _is_meant(name: str, pattern: str) -> bool:
    if "*" in pattern:
        return PurePosixPath(f"/{name}").match(pattern)
    return name == pattern.lstrip("/") or name.startswith(f"{pattern.lstrip('/')}/")
