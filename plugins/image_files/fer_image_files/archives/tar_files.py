"""Read the files of a tar in place, or its only file of a given type."""

from __future__ import annotations

import atexit
import functools
import io
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from fer_image_files.archives.file_set import (
    READ_ERRORS,
    Opener,
    is_hidden,
    make_printable,
    open_packed,
    refuse_outside,
)
from fer_plugins.runtime.errors import InputError


def is_tar(path: Path) -> bool:
    """Return whether a file is a tar, compressed or not, by its content."""
    try:
        return path.is_file() and tarfile.is_tarfile(path)
    except (*READ_ERRORS, ValueError):
        return False


@functools.cache
def _unpack(path: Path, size: int, changed: int) -> Path:
    """Return an uncompressed tar: ``path`` itself, or its content in a temporary file."""
    with path.open("rb") as packed:
        stream = open_packed(packed)
        if stream is packed:
            return path
        with tempfile.NamedTemporaryFile(prefix="fer-plugins-", suffix=".tar", delete=False) as plain:
            atexit.register(Path(plain.name).unlink, missing_ok=True)
            while chunk := stream.read(1 << 20):
                try:
                    plain.write(chunk)
                except OSError as error:
                    Path(plain.name).unlink()
                    raise InputError(
                        f"{path}: cannot be unpacked in {tempfile.gettempdir()} ({error.strerror}); unpack it where "
                        f"there is room (tar -xf {path.name}) and give the folder"
                    ) from error
    return Path(plain.name)


class TarFiles:
    """The files of a tar, without hidden ones. A compressed tar is unpacked into a temporary file until exit.

    Raises InputError if the tar is damaged, cannot be unpacked, or holds a link, a name twice, or a path outside
    itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}  # name -> offset and number of its bytes
        with _damage_named(path):
            status = path.stat()
            self._plain = _unpack(path, status.st_size, status.st_mtime_ns)
            with tarfile.open(self._plain, "r:") as archive:
                members = archive.getmembers()
        end = self._plain.stat().st_size
        for member in members:
            refuse_outside(path, member.name)
            if member.isdir():
                continue
            name = member.name.removeprefix("./")
            if not member.isfile() or member.issparse():
                raise InputError(
                    f"{path}: holds a link, device or sparse file ({name!r}), which is refused; pack it again"
                )
            if name in self._places:
                raise InputError(f"{path}: holds {name!r} twice; pack the tar again with every name once")
            if member.offset_data + member.size > end:
                raise InputError(f"{path}: the tar is damaged or incomplete ({name!r} is cut off); fetch it again")
            if not is_hidden(name):
                self._places[name] = (member.offset_data, member.size)
        if not self._places:
            raise InputError(f"{path}: the tar is empty; give the file or folder that holds the data set")
        self.names: Sequence[str] = tuple(sorted(self._places))

    def size(self, name: str) -> int:
        """Return a member's size in bytes."""
        return self._places[name][1]

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Open the tar and yield a function that opens one member."""
        with self._plain.open("rb") as stream:

            def open_member(name: str) -> IO[bytes]:
                start, size = self._places[name]
                stream.seek(start)
                return io.BytesIO(stream.read(size))

            yield open_member


@contextmanager
def open_tar_member(path: Path, suffix: str, *, to_end: bool) -> Iterator[tuple[IO[bytes], str]]:
    """Open the only file of a (compressed) tar whose name ends in ``suffix``; yields the stream and its name.

    A compressed tar has no directory, so it is read once from front to back. With ``to_end`` the rest is read and
    checked afterwards: paths, links, a second such file, the checksum; without it only the first lines are needed.
    Raises InputError if there is no such file or several, or the tar is damaged or holds a link or a path outside
    itself.
    """
    with _damage_named(path), tarfile.open(path) as archive:
        chosen = ""
        for member in archive:
            refuse_outside(path, member.name)
            if not (member.isfile() or member.isdir()):
                raise InputError(f"{path}: holds a link or device ({member.name!r}), which is refused; pack it again")
            if not member.isfile() or is_hidden(member.name) or not member.name.lower().endswith(suffix):
                continue
            if chosen:
                raise InputError(f"{path}: holds both {chosen!r} and {member.name!r}; unpack it and give one of them")
            chosen = member.name
            stream = archive.extractfile(member)
            assert stream is not None  # a regular file
            with closing(stream):
                yield stream, chosen
            if not to_end:
                return
        if not chosen:
            raise InputError(f"{path}: the tar holds no file that ends in {suffix}; unpack it and give the folder")
        assert archive.fileobj is not None
        while archive.fileobj.read(1 << 20):  # past the tar's own end, since only there gzip verifies its checksum
            pass


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        raise InputError(
            f"{path}: the tar is damaged or incomplete ({make_printable(str(error))}); fetch it again"
        ) from error
