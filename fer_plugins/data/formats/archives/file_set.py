"""What folders, zips and tars of files have in common: errors, names, hashes, compressed streams."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from fer_plugins.runtime.errors import InputError

Opener = Callable[[str], IO[bytes]]

# What the standard library raises for a member that is cut off, altered or packed in an unknown way.
READ_ERRORS = (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)


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
