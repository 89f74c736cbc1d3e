"""Reads files by name from a folder, a zip or a tar, in place, and refuses archives that point outside themselves."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import IO, Protocol

from fer_plugins.runtime.errors import InputError

Opener = Callable[[str], IO[bytes]]

# What the standard library raises for a member that is cut off, altered or packed in an unknown way.
READ_ERRORS = (
    OSError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
)


class FileSet(Protocol):
    """Named files that are read in place; picklable, because nothing stays open between two readings."""

    @property
    def path(self) -> Path:
        """The folder or archive."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The files' names, sorted: as the archive writes them, or relative to the folder with "/"."""
        ...

    def where(self, name: str) -> str:
        """Return the place of a file, for messages."""
        ...

    def opened(self) -> AbstractContextManager[Opener]:
        """Open the whole, yield a function that opens one file by its name."""
        ...

    def digest(self, names: Iterable[str]) -> str:
        """Hash what a change of these files would change."""
        ...


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
        self._path = path
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
        self._names = tuple(sorted(names))

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    @property
    def names(self) -> Sequence[str]:
        """Names relative to the folder, sorted, with "/"."""
        return self._names

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


class SingleFile:
    """One file that is the whole copy."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def names(self) -> Sequence[str]:
        """The file's own name."""
        return (self._path.name,)

    def where(self, name: str) -> str:
        """Return the file's path."""
        return make_printable(str(self._path))

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens the file."""
        yield lambda name: self._path.open("rb")

    def digest(self, names: Iterable[str]) -> str:
        """Hash the file's bytes."""
        return hash_file(self._path)


class ZipFiles:
    """The files of a zip, which is never unpacked; hidden ones are left out.

    Raises:
        InputError: the zip is damaged, encrypted, holds a name twice, or a path that is absolute or has ``..``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._archive() as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
        for member in members:
            refuse_outside(path, member.filename)
            if member.flag_bits & 0x1:
                raise InputError(f"{path}: the zip is encrypted ({member.filename!r}); give one without a password")
        name, times = Counter(member.filename for member in members).most_common(1)[0] if members else ("", 0)
        if times > 1:
            raise InputError(f"{path}: holds {name!r} {times} times; pack the zip again with every name once")
        self._names = tuple(sorted(member.filename for member in members if not is_hidden(member.filename)))
        if not self._names:
            raise InputError(f"{path}: the zip is empty; give the file or folder that holds the data set")

    @property
    def path(self) -> Path:
        """The zip."""
        return self._path

    @property
    def names(self) -> Sequence[str]:
        """The members' names, sorted, as the zip writes them."""
        return self._names

    def where(self, name: str) -> str:
        """Return the zip's path and the member's name."""
        return make_printable(f"{self.path}:{name}")

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Open the zip, yield a function that opens one member; its checksum is verified at its end."""
        with self._archive() as archive:
            yield archive.open

    def digest(self, names: Iterable[str]) -> str:
        """Hash the zip's bytes, whichever ``names`` are asked for."""
        return hash_file(self.path)

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (*READ_ERRORS, ValueError) as error:  # ValueError: what a wrong offset or name in the directory ends in
            raise InputError(
                f"{self.path}: the zip is damaged or incomplete ({make_printable(str(error))}); fetch it again"
            ) from error


@contextmanager
def open_tar_member(path: Path, suffix: str, *, whole: bool) -> Iterator[tuple[IO[bytes], str]]:
    """Open the one file of a (compressed) tar whose name ends in ``suffix``; yields the stream and its name.

    A compressed tar has no table of contents, so it is read once from front to back.

    Args:
        path: the tar.
        suffix: in lower case, compared without case.
        whole: read on to the end afterwards, to check the rest: paths, links, a second such file, the checksum.
            False is for a look at the first lines.

    Raises:
        InputError: no such file, more than one, a path that is absolute or has ``..``, a link, or a damaged tar.
    """
    try:
        with tarfile.open(path) as archive:
            found = ""
            for member in archive:
                refuse_outside(path, member.name)
                if not (member.isfile() or member.isdir()):
                    raise InputError(
                        f"{path}: holds a link or device ({member.name!r}), which is refused; pack it again"
                    )
                if not member.isfile() or is_hidden(member.name) or not member.name.lower().endswith(suffix):
                    continue
                if found:
                    raise InputError(
                        f"{path}: holds both {found!r} and {member.name!r}; unpack it and give one of them"
                    )
                found = member.name
                stream = archive.extractfile(member)
                assert stream is not None  # a regular file
                with closing(stream):
                    yield stream, found
                if not whole:
                    return
            if not found:
                raise InputError(f"{path}: the tar holds no file that ends in {suffix}; unpack it and give the folder")
            assert archive.fileobj is not None
            while archive.fileobj.read(1 << 20):  # past the tar's own end: only there is a gzip's checksum compared
                pass
    except READ_ERRORS as error:
        raise InputError(
            f"{path}: the tar is damaged or incomplete ({make_printable(str(error))}); fetch it again"
        ) from error


def hash_file(path: Path) -> str:
    """Hash the bytes of a file (BLAKE2b, 32 hex digits).

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def make_printable(text: str) -> str:
    r"""Put a blank for every line end and other sign that cannot be printed: messages are one line.

    >>> make_printable("a\nb")
    'a b'
    """
    return "".join(character if character.isprintable() else " " for character in text)


def split_name(name: str) -> list[str]:
    r"""Split a member's name into folders and file, for zips with ``\`` between them too.

    >>> split_name("train\\angry\\a.png")
    ['train', 'angry', 'a.png']
    """
    return name.replace("\\", "/").split("/")


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def is_hidden(name: str) -> bool:
    """Tell whether a leading dot, or ``__MACOSX``, hides a file or a folder above it."""
    return any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in split_name(name))


def refuse_outside(path: Path, name: str) -> None:
    """Refuse the name of a member that points outside its archive.

    Raises:
        InputError: it does.
    """
    parts = split_name(name)
    if parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name):
        raise InputError(f"{path}: holds the path {name!r}, which points outside the archive; it is refused as a whole")
