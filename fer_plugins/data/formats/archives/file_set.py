"""A set of named files that are read in place, and what its kinds have in common: names, digests, refusals."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

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


class SingleFile:
    """One file that is the whole copy."""

    def __init__(self, path: Path) -> None:
        self.path, self.names = path, (path.name,)

    def where(self, name: str) -> str:
        """Return the file's path."""
        return make_printable(str(self.path))

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens the file."""
        yield lambda name: self.path.open("rb")

    def digest(self, names: Iterable[str]) -> str:
        """Hash the file's bytes."""
        return hash_file(self.path)


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


def open_packed(stream: IO[bytes]) -> IO[bytes]:
    """Return what a compressed file (gzip, bzip2, xz) holds, whatever its name says; any other file itself."""
    magic = stream.read(6)
    stream.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(stream)
    return lzma.LZMAFile(stream) if magic.startswith(b"\xfd7zXZ") else stream
