"""The files of a zip, read in place."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fer_plugins.data.formats.archives.file_set import READ_ERRORS, Opener, is_hidden, make_printable, refuse_outside
from fer_plugins.runtime.errors import InputError


class ZipFiles:
    """The files of a zip, which is never unpacked; hidden ones are left out.

    Raises:
        InputError: the zip is damaged, encrypted, holds a name twice, or a path that is absolute or has ``..``.
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
