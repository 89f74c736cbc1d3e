"""Sets of named files: a folder or a zip, with what all kinds share: names, hashes, errors, compressed streams."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from fer_plugins.runtime.errors import InputError

Opener = Callable[[str], IO[bytes]]

# What the standard library raises for a member that is cut off, altered or packed in an unknown way.
READ_ERRORS = (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)


def hash_file(path: Path) -> str:
    """Hash the bytes of a file (BLAKE2b, 32 hex digits); raises InputError if it cannot be read."""
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
    """Raise InputError if the name of a member points outside its archive."""
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


class FolderFiles:
    """The files of a folder, or one file; links are followed, hidden files (a leading dot, ``__MACOSX``) are left out.

    ``depth`` levels are listed; 1 is the folder's own files. Raises InputError if the folder cannot be read, is empty,
    or holds more than ``limit`` entries, as a home folder given by mistake does.
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
    folder_count = 0
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
            if len(names) + len(deeper) + folder_count > limit:
                raise InputError(f"{path}: holds more than {limit:,} files; give the data set's own folder")
        folders = deeper
        folder_count += len(deeper)
    if not names:
        reason = f"no file lies in its first {depth} levels" if folder_count else "the folder is empty"
        raise InputError(f"{path}: {reason}; give the file or folder that holds the data set")
    return names


class ZipFiles:
    """The files of a zip, which is never unpacked; hidden ones are left out.

    Raises InputError if the zip is damaged, encrypted, or holds a name twice or a path outside itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._archive() as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
        for member in members:
            refuse_outside(path, member.filename)
            if member.flag_bits & 0x1:
                raise InputError(f"{path}: the zip is encrypted ({member.filename!r}); give one without a password")
        name, times = Counter(member.filename for member in members).most_common(1)[0] if members else ("", 0)
        if times > 1:
            raise InputError(f"{path}: holds {name!r} {times} times; pack the zip again with every name once")
        self.names: Sequence[str] = tuple(sorted(m.filename for m in members if not is_hidden(m.filename)))
        if not self.names:
            raise InputError(f"{path}: the zip is empty; give the file or folder that holds the data set")

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Open the zip, yield a function that opens one member; its checksum is verified at its end."""
        with self._archive() as archive:
            yield archive.open

    def checksums(self) -> dict[str, tuple[int, int]]:
        """Return {name: (size in bytes, CRC-32)}."""
        with self._archive() as archive:
            return {member.filename: (member.file_size, member.CRC) for member in archive.infolist()}

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (*READ_ERRORS, ValueError) as error:  # ValueError: what a wrong offset or name in the directory ends in
            raise InputError(
                f"{self.path}: the zip is damaged or incomplete ({make_printable(str(error))}); fetch it again"
            ) from error
