"""Opens a csv wherever it lies: as a file, in a zip, or as the only csv of a tar."""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from fer_plugins.data.formats.archives.file_set import (
    READ_ERRORS,
    FileSet,
    Opener,
    hash_file,
    make_printable,
    open_packed,
    split_name,
)
from fer_plugins.data.formats.archives.tar_files import open_tar_member
from fer_plugins.runtime.errors import InputError


@dataclass(frozen=True)
class CsvFile:
    """A csv: the file ``path`` itself, or its ``member`` where that is a zip, or the only csv of a tar.

    A csv that is compressed alone (gzip, bzip2 or xz, whatever its name says) is unpacked while it is read.
    """

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
                    yield open_packed(stream), self.path.name, where
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield open_packed(stream), split_name(self.member)[-1], where
        except READ_ERRORS as error:
            raise InputError(
                f"{where}: the file is damaged or cannot be read ({make_printable(str(error))}); fetch it again"
            ) from error


def read_text(files: FileSet, name: str, opener: Opener | None = None) -> str:
    """Read a text file of ``files``: UTF-8, with or without a byte order mark.

    Args:
        files: the copy.
        name: the file's.
        opener: of ``files.opened()``, where many are read: a zip's table of contents is then read once.

    Raises:
        InputError: it cannot be read, or is no text.
    """
    try:
        with nullcontext(opener) if opener else files.opened() as open_file, open_file(name) as stream:
            return stream.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{files.where(name)}: is no UTF-8 text; fetch it again, or save it as UTF-8") from None
    except (*READ_ERRORS, KeyError) as error:
        raise InputError(
            f"{files.where(name)}: cannot be read ({make_printable(str(error))}); fetch it again"
        ) from error


def read_rows(files: FileSet, name: str, only: Sequence[str] | None = None) -> tuple[list[str], list[list[str]]]:
    """Read a csv of ``files``: the names of its columns as written, without blanks around, and its rows.

    Fields are divided by commas, or by semicolons or tabs where the first line has no comma. Rows without any entry are
    passed over.

    Args:
        files: the copy.
        name: the csv's.
        only: keep only these columns, in this order; the others may be long, and are not held.

    Raises:
        InputError: it is empty, holds no row, lacks a column, or a row has another number of fields than the header.
    """
    where = files.where(name)
    rows: list[list[str]] = []
    try:
        with files.opened() as open_file, open_file(name) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
            first = text.readline()
            mark = next((one for one in ",;\t" if one in first), ",")
            lines = csv.reader(itertools.chain([first], text), delimiter=mark, strict=True)
            header = [field.strip() for field in next(lines, [])]
            if not any(header):
                raise InputError(f"{where}: the csv is empty; its first line must name the columns")
            places = range(len(header)) if only is None else [find_column(header, column, where) for column in only]
            for row in lines:
                if not any(field.strip() for field in row):
                    continue
                if len(row) != len(header):
                    raise InputError(
                        f"{where}: row {len(rows) + 1} has {len(row)} fields, the header has {len(header)}; mend or "
                        "remove the row"
                    )
                rows.append([row[place] for place in places])
    except csv.Error as error:
        raise InputError(f"{where}: is no readable csv ({error}); fetch it again") from None
    except UnicodeDecodeError:
        raise InputError(f"{where}: is no UTF-8 text; fetch it again, or save it as UTF-8") from None
    except (*READ_ERRORS, KeyError) as error:
        raise InputError(f"{where}: cannot be read ({make_printable(str(error))}); fetch it again") from error
    if not rows:
        raise InputError(f"{where}: the csv has a header and no row; fetch it again")
    return [header[place] for place in places], rows


def find_column(header: list[str], name: str, where: str) -> int:
    """Return the place of the column ``name``, in any case.

    Raises:
        InputError: there is no such column (the message lists what is there).
    """
    folded = [field.lower() for field in header]
    if name.lower() not in folded:
        raise InputError(f"{where}: has no column {name!r}; its columns: {', '.join(header)[:200]}")
    return folded.index(name.lower())
