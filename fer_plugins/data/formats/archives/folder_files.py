"""The files of a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fer_plugins.data.formats.archives.file_set import Opener, is_hidden, make_printable
from fer_plugins.runtime.errors import InputError


class FolderFiles:
    """The files of a folder, links followed; hidden ones (a leading dot, ``__MACOSX``) are left out.

    Args:
        path: the folder.
        depth: how many levels are looked at; 1 is the folder's own files.
        limit: the largest number of entries, so that a home folder given by mistake ends in a message.

    Raises:
        InputError: the folder cannot be read, is empty, or holds more than ``limit`` entries.
    """

    def __init__(self, path: Path, depth: int = 4, limit: int = 200_000) -> None:
        self.path = path
        names: list[str] = []
        folders = [(path, "")]
        seen = 0
        for _ in range(depth):
            deeper = []
            for folder, prefix in folders:
                for entry in _scan(folder):
                    if entry.is_dir():
                        deeper.append((Path(entry.path), f"{prefix}{entry.name}/"))
                    elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):  # no pipe
                        names.append(prefix + entry.name)
                if len(names) + len(deeper) + seen > limit:
                    raise InputError(f"{path}: holds more than {limit:,} files; give the data set's own folder")
            folders = deeper
            seen += len(deeper)
        if not names:
            what = f"no file lies in its first {depth} levels" if seen else "the folder is empty"
            raise InputError(f"{path}: {what}; give the file or folder that holds the data set")
        self.names: Sequence[str] = tuple(sorted(names))

    def where(self, name: str) -> str:
        """Return the file's path."""
        return make_printable(str(self.path / name))

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens one file by its name."""
        yield lambda name: (self.path / name).open("rb")

    def digest(self, names: Iterable[str]) -> str:
        """Hash names, sizes and times of change (ns) of ``names``: reading them all would cost as much as decoding."""
        hashed = hashlib.blake2b(digest_size=16)
        for name in names:
            try:
                status = (self.path / name).stat()
            except OSError as error:
                raise InputError(f"{self.where(name)}: cannot be read ({error.strerror})") from error
            hashed.update(os.fsencode(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"))
        return hashed.hexdigest()


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error
