"""Check the user's path and detect file types by their first bytes."""

from __future__ import annotations

import os
import re
import stat
import tarfile
from pathlib import Path
from typing import IO, Literal

from fer_image_files.archives.file_set import make_printable
from fer_plugins.runtime.errors import InputError

Kind = Literal["gzip", "bzip2", "xz", "zip", "tar", "npy", "hdf5", "parquet", "arrow", "empty", "text", "other"]
HEAD = 1 << 20  # maximum number of bytes read to detect a file's type: no line of a table may be longer

_READ: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x93NUMPY", "npy"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),  # a stream of record batches, as saved by the package datasets
)
_WEB_PAGE = "a web page, as a download without a login leaves; fetch the file itself"
_PICKLE = "a Python pickle, which could run any code and is never opened; save its arrays with numpy.savez"
# Files given by mistake, and what to do about them.
_FOREIGN = (
    (rb"<!doctype html|<html", _WEB_PAGE),
    (rb"version https://git-lfs", "a Git LFS pointer instead of the file; fetch it with `git lfs pull`"),
    (rb"\x80[\x02-\x05]", _PICKLE),
    (rb"rar!", "a rar archive; unpack it and give the folder"),
    (rb"7z\xbc\xaf", "a 7z archive; unpack it and give the folder"),
    (rb"\xd0\xcf\x11\xe0", "an Excel workbook; save the sheet as csv"),
    (rb"sqlite format 3", "an SQLite database; export the table as csv"),
    (rb"matlab 7\.3", "a MATLAB file; save its arrays in an HDF5 or npz file as X and y"),
    (rb"matlab 5\.0", "a MATLAB file; save its arrays with scipy.io.loadmat and numpy.savez"),
    (rb"%pdf", "a PDF; give the data set itself"),
    (rb"\xff\xd8\xff", "one JPEG image; give the folder of the images with --data folder"),
    (rb"\x89png", "one PNG image; give the folder of the images with --data folder"),
)


def open_path(root: str | os.PathLike[str], expected: str, *, flag: str = "--data.root") -> Path:
    """Return the path that the user gave with ``flag``; ``expected`` says in messages what to give.

    Raises InputError if the path does not exist, is a device, pipe or socket, or is not a valid file name.
    """
    shown = make_printable(os.fspath(root))
    remedy = f"give {flag} {expected}"
    try:
        path = Path(root).expanduser()
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{shown}: does not exist; {remedy}") from None
    except OSError as error:
        raise InputError(f"{shown}: cannot be read ({error.strerror}); {remedy}") from None
    except (ValueError, RuntimeError):  # a NUL, a lone surrogate, or ~ of an unknown user
        raise InputError(f"{shown!r}: is not a name that a file can have; {remedy}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise InputError(f"{shown}: is {kind}, no file; {remedy}")
    return path


def kind_of_file(path: Path) -> Kind:
    """Return a file's type (a compressed tar is a tar); raises InputError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            kind = kind_of(stream.read(4096))
        return "tar" if kind in ("gzip", "bzip2", "xz") and tarfile.is_tarfile(path) else kind
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{make_printable(str(path))}: cannot be read ({reason}); give --data.root another") from error


def kind_of(head: bytes) -> Kind:
    """Return a file's type by its first bytes.

    >>> kind_of(b"emotion,pixels,Usage"), kind_of(bytes([0x1F, 0x8B]))
    ('text', 'gzip')
    """
    for magic, kind in _READ:
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    if not head:
        return "empty"
    start = head[:4096]
    utf16 = start.startswith((b"\xff\xfe", b"\xfe\xff")) or 0.3 < start.count(0) / len(start) < 0.6
    return "text" if utf16 or 0 not in start else "other"


def image_ending(head: bytes) -> str:
    """Return the usual extension of an image file by its first bytes, "" if they are not known."""
    endings = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"GIF8": "gif", b"BM": "bmp"}
    return next((ending for magic, ending in endings.items() if head.startswith(magic)), "")


def look_like(head: bytes) -> str:
    """Describe a file that cannot be read, with a remedy; "" if nothing is known about it."""
    start = head.lstrip()[:64]
    return next((description for magic, description in _FOREIGN if re.match(magic, start, re.IGNORECASE)), "")


def read_head(stream: IO[bytes], size: int = HEAD) -> bytes:
    """Read the first ``size`` bytes, or all if there are fewer: streams of archives may return less than requested."""
    chunks = []
    while size > 0 and (chunk := stream.read(size)):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
