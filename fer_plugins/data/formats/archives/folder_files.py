"""The files of a folder, or one file alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fer_plugins.data.formats.archives.file_set import Opener, is_hidden
from fer_plugins.runtime.errors import InputError


class FolderFiles:
    """The files of a folder, links followed; hidden ones (a leading dot, ``__MACOSX``) are left out.

    Args:
        path: the folder, or one file, which is then the only one.
        depth: how many levels are looked at; 1 is the folder's own files.
        limit: the largest number of entries, so that a home folder given by mistake ends in a message.

    Raises:
        InputError: the folder cannot be read, is empty, or holds more than ``limit`` entries.
    """

    def __init__(self, path: Path, depth: int = 4, limit: int = 200_000) -> None:
        self.path = path
        self.is_file = not path.is_dir()
        self.folder = path.parent if self.is_file else path
        self.names: Sequence[str] = (path.name,) if self.is_file else tuple(sorted(_scan(path, depth, limit)))

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens one file by its name."""
        yield lambda name: (self.folder / name).open("rb")


def _scan(path: Path, depth: int, limit: int) -> list[str]:
    names: list[str] = []
    folders = [(path, "")]
    seen = 0
    for _ in range(depth):
        deeper = []
        for folder, prefix in folders:
            try:
                with os.scandir(folder) as scan:
                    entries = [entry for entry in scan if not is_hidden(entry.name)]
            except OSError as error:
                raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error
            for entry in entries:
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
    return names
