"""Sets of named files: a folder or a zip, and what all kinds share: names, hashes, errors, compressed streams."""

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

# Errors of the standard library for a member that is truncated, altered or packed with an unknown method.
READ_ERRORS = (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)


def hash_file(path: Path) -> str:
    """Hash the bytes of a file (BLAKE2b, 32 hex digits); raises InputError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def make_printable(text: str) -> str:
    r"""Replace every line end and other unprintable character by a blank, since messages are one line.

    >>> make_printable("a\nb")
    'a b'
    """
    return "".join(character if character.isprintable() else " " for character in text)


def split_name(name: str) -> list[str]:
    r"""Split a member's name into folders and file, also for zips with ``\`` as separator.

    >>> split_name("train\\angry\\a.png")
    ['train', 'angry', 'a.png']
    """
    return name.replace("\\", "/").split("/")


def is_hidden(name: str) -> bool:
    """Return whether a leading dot, or ``__MACOSX``, hides a file or a folder above it."""
    return any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in split_name(name))


def refuse_outside(path: Path, name: str) -> None:
    """Raise InputError if the name of a member points outside its archive."""
    parts = split_name(name)
    if parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name):
        raise InputError(f"{path}: holds the path {name!r}, which points outside the archive; it is refused as a whole")


def open_packed(stream: IO[bytes]) -> IO[bytes]:
    """Return the content of a compressed file (gzip, bzip2, xz), whatever its name; any other file unchanged."""
    magic = stream.read(6)
    stream.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(stream)
    return lzma.LZMAFile(stream) if magic.startswith(b"\xfd7zXZ") else stream


class FolderFiles:
    """The files of a folder, or one file; follows links, skips hidden files (a leading dot, ``__MACOSX``).

    ``depth`` levels are listed; 1 is the folder's own files. Raises InputError if the folder cannot be read, is empty,
    or has more than ``limit`` entries, as a home folder given by mistake does.
    """

    def __init__(self, path: Path, depth: int = 4, limit: int = 200_000) -> None:
        self.path = path
        self.is_file = not path.is_dir()
        self.folder = path.parent if self.is_file else path
        self.names: Sequence[str] = (path.name,) if self.is_file else tuple(sorted(_scan(path, depth, limit)))

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens one file by name."""
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
                elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):  # not a pipe
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
    """The files of a zip, which is never unpacked; hidden files are skipped.

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
        """Open the zip and yield a function that opens one member; its checksum is verified at its end."""
        with self._archive() as archive:
            yield archive.open

    def checksums(self) -> dict[str, tuple[int, int]]:
        """Return {name: (size in bytes, CRC-32)}."""
        with self._archive() as archive:
            return {member.filename: (member.file_size, member.CRC) for member in archive.infolist()}

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (*READ_ERRORS, ValueError) as error:  # ValueError: from a wrong offset or name in the directory
            raise InputError(
                f"{self.path}: the zip is damaged or incomplete ({make_printable(str(error))}); fetch it again"
            ) from error
