"""Opens a csv wherever it lies: as a file, in a zip, or as the only csv of a tar."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from fer_plugins.data.datasets.archives import (
    READ_ERRORS,
    FileSet,
    hash_file,
    make_printable,
    open_tar_member,
    split_name,
)
from fer_plugins.errors import InputError


@dataclass(frozen=True)
class CsvFile:
    """A csv: the file ``path`` itself, or its ``member`` where that is a zip, or the only csv of a tar."""

    path: Path
    member: str | None = None
    packing: Literal["file", "tar"] = "file"

    def digest(self) -> str:
        """Hash the bytes of the file, packed or not."""
        return hash_file(self.path)

    @contextmanager
    def opened(self, *, whole: bool) -> Iterator[tuple[IO[bytes], str, str]]:
        """Open the csv; yields the stream, the csv's own file name, and its place for messages.

        Args:
            whole: of a tar read all, and check it; False is for a look at the first lines.

        Raises:
            InputError: the file cannot be read, or its archive is damaged.
        """
        if self.packing == "tar":
            with open_tar_member(self.path, ".csv", whole=whole) as (stream, name):
                yield stream, split_name(name)[-1], make_printable(f"{self.path}:{name}")
            return
        where = make_printable(str(self.path) if self.member is None else f"{self.path}:{self.member}")
        try:
            if self.member is None:
                with self.path.open("rb") as stream:
                    yield stream, self.path.name, where
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield stream, split_name(self.member)[-1], where
        except READ_ERRORS as error:
            raise InputError(
                f"{where}: the file is damaged or cannot be read ({make_printable(str(error))}); fetch it again"
            ) from error


def read_text(files: FileSet, name: str) -> str:
    """Read a text file of ``files``: UTF-8, with or without a byte order mark.

    Raises:
        InputError: it cannot be read, or is no text.
    """
    try:
        with files.opened() as open_file, open_file(name) as stream:
            return stream.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{files.where(name)}: is no UTF-8 text; fetch it again, or save it as UTF-8") from None
    except (*READ_ERRORS, KeyError) as error:
        raise InputError(
            f"{files.where(name)}: cannot be read ({make_printable(str(error))}); fetch it again"
        ) from error


def read_rows(files: FileSet, name: str) -> tuple[list[str], list[list[str]]]:
    """Read a csv of ``files``: the names of its columns as written, without blanks around, and its rows.

    Raises:
        InputError: it is empty, holds no row, or a row has another number of fields than the header.
    """
    where = files.where(name)
    try:
        lines = list(csv.reader(io.StringIO(read_text(files, name), newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"{where}: is no readable csv ({error}); fetch it again") from None
    if not lines or not any(field.strip() for field in lines[0]):
        raise InputError(f"{where}: the csv is empty; its first line must name the columns")
    header = [field.strip() for field in lines[0]]
    rows = [row for row in lines[1:] if row]
    if not rows:
        raise InputError(f"{where}: the csv has a header and no row; fetch it again")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise InputError(
                f"{where}: row {number} has {len(row)} fields, the header has {len(header)}; mend or remove the row"
            )
    return header, rows


def find_column(header: list[str], name: str, where: str) -> int:
    """Return the place of the column ``name``, in any case.

    Raises:
        InputError: there is no such column (the message lists what is there).
    """
    folded = [field.lower() for field in header]
    if name.lower() not in folded:
        raise InputError(f"{where}: has no column {name!r}; its columns: {', '.join(header)[:200]}")
    return folded.index(name.lower())
