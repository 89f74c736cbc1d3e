"""What the user gave as a dataset's root: a folder or archive, or a folder inside an archive, less what is ignored."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fer_plugins.data.formats.archives.file_set import FileSet, Opener, make_printable, split_name
from fer_plugins.data.formats.archives.tar_files import TarFiles
from fer_plugins.data.formats.archives.zip_files import ZipFiles
from fer_plugins.runtime.errors import InputError

_SAMPLED = 32  # files of a second tree whose bytes are compared, where names and sizes are the same


class RootFiles:
    """A part of a set of files, under names relative to one of its folders.

    Args:
        files: the whole folder or archive.
        inside: the folder in it that is meant, "" for its top.
        ignored: files and folders, relative to ``inside``, that are left out as the user wished; ``*`` stands for
            anything in one part of a path, as in ``*.tiff``, ``train/*.png``, or ``/*.png`` at
            the top.

    Raises:
        InputError: nothing lies in ``inside``, or one of ``ignored`` is not there.
    """

    def __init__(self, files: FileSet, inside: str = "", ignored: Sequence[str] = ()) -> None:
        self.whole = files
        self._inside = inside
        self.notes: list[str] = []  # what was left out, and why
        prefix = split_name(inside) if inside else []
        parts = {name: split_name(name) for name in files.names}
        self._full = {
            "/".join(path[len(prefix) :]): name for name, path in parts.items() if path[: len(prefix)] == prefix
        }
        if not self._full:
            shown = ", ".join(sorted({path[0] for path in parts.values()})[:8])
            raise InputError(f"{files.path}: holds nothing in {inside!r}; there is {make_printable(shown)}")
        self._names: tuple[str, ...] | None = None
        for one in ignored:
            start = one.replace("\\", "/").removeprefix("./").rstrip("/")
            away = [name for name in self._full if _is_meant(name, start)]
            if not away:
                tops = sorted({name.split("/")[0] for name in self._full})
                raise InputError(
                    f"{self.path}: there is no {one!r}, which --data.ignore names; there is "
                    f"{make_printable(', '.join(tops[:8]))}"
                )
            self.leave_out(away, f"{len(away):,} files of {make_printable(start)} were left out (--data.ignore).")

    def leave_out(self, names: Iterable[str], note: str) -> None:
        """Treat files as not there; ``note`` says why."""
        for name in names:
            del self._full[name]
        self._names = None
        self.notes.append(note)

    @property
    def path(self) -> Path:
        """The folder or archive, with the folder in it that is meant."""
        return self.whole.path / self._inside if self._inside else self.whole.path

    @property
    def names(self) -> Sequence[str]:
        """Names relative to ``path``, sorted, with "/"."""
        if self._names is None:
            self._names = tuple(sorted(self._full))
        return self._names

    def full_name(self, name: str) -> str:
        """Return a file's name in the whole archive or folder."""
        return self._full[name]

    def where(self, name: str) -> str:
        """Return the place of a file, for messages."""
        return self.whole.where(self._full.get(name, "/".join(filter(None, [self._inside, name]))))

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Open the whole, yield a function that opens one file by its name."""
        with self.whole.opened() as opener:
            yield lambda name: opener(self._full.get(name, name))

    def digest(self, names: Iterable[str]) -> str:
        """Hash what a change of these files would change."""
        return self.whole.digest(self._full[name] for name in names)

    def are_same(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Tell whether the files of each pair are the same.

        In a zip checksums are compared; else sizes, and the bytes of some pairs spread over all.
        """
        if isinstance(self.whole, ZipFiles):
            with zipfile.ZipFile(self.whole.path) as archive:
                sums = {member.filename: (member.file_size, member.CRC) for member in archive.infolist()}
            return all(sums[self._full[one]] == sums[self._full[other]] for one, other in pairs)
        if any(self._size(one) != self._size(other) for one, other in pairs):
            return False
        with self.opened() as open_file:
            for one, other in pairs[:: max(1, len(pairs) // _SAMPLED)]:
                with open_file(one) as first, open_file(other) as second:
                    if first.read() != second.read():
                        return False
        return True

    def _size(self, name: str) -> int:
        if isinstance(self.whole, TarFiles):
            return self.whole.size(self._full[name])
        return (self.whole.path / self._full[name]).stat().st_size


def _is_meant(name: str, given: str) -> bool:
    if "*" in given:
        return PurePosixPath(f"/{name}").match(given)
    return name == given.lstrip("/") or name.startswith(f"{given.lstrip('/')}/")
