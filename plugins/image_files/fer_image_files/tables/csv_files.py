"""Open csv and text files in a folder, a zip or a tar."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import IO

from fer_image_files.archives.file_set import READ_ERRORS, Opener, make_printable, open_packed, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.archives.tar_files import open_tar_member
from fer_image_files.file_kinds import kind_of_file
from fer_plugins.runtime.errors import InputError

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@contextmanager
def open_csv(
    files: RootFiles, name: str, *, to_end: bool, opener: Opener | None = None
) -> Iterator[tuple[IO[bytes], str, str]]:
    """Open a csv; yields the stream, the csv's own file name, and its path for messages.

    A compressed csv (gzip, bzip2 or xz, whatever its name) is decompressed while it is read; for a tar, its only csv is
    opened, and is read and checked to its end with ``to_end``. ``opener`` is that of ``files.opened()``, for reading
    many files. Raises InputError if the file cannot be read or its archive is damaged.
    """
    path = files.on_disk(name)
    kind = kind_of_file(path) if path is not None else "other"
    if path is not None and (kind == "tar" or (kind == "empty" and name.lower().endswith(TAR_SUFFIXES))):
        with open_tar_member(path, ".csv", to_end=to_end) as (stream, member):
            yield stream, split_name(member)[-1], make_printable(f"{path}:{member}")
        return
    try:
        with nullcontext(opener) if opener else files.opened() as open_file, open_file(name) as stream:
            yield open_packed(stream), split_name(name)[-1], files.where(name)
    except READ_ERRORS as error:
        raise InputError(
            f"{files.where(name)}: the file is damaged or cannot be read ({make_printable(str(error))}); fetch it again"
        ) from error


@contextmanager
def _open_text(files: RootFiles, name: str, opener: Opener | None = None) -> Iterator[io.TextIOWrapper]:
    """Open a UTF-8 text file, with or without a byte order mark; errors become one line."""
    where = files.where(name)
    try:
        with nullcontext(opener) if opener else files.opened() as open_file, open_file(name) as stream:
            yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    except csv.Error as error:
        raise InputError(f"{where}: is not a readable csv ({error}); fetch it again") from None
    except UnicodeDecodeError:
        raise InputError(f"{where}: is not UTF-8 text; fetch it again, or save it as UTF-8") from None
    except (*READ_ERRORS, KeyError) as error:
        raise InputError(f"{where}: cannot be read ({make_printable(str(error))}); fetch it again") from error


def read_text(files: RootFiles, name: str, opener: Opener | None = None) -> str:
    """Read a UTF-8 text file, with or without a byte order mark; raises InputError if it is unreadable or not text.

    ``opener`` is that of ``files.opened()``, for reading many files: a zip's directory is then read only once.
    """
    with _open_text(files, name, opener) as text:
        return text.read()


def read_rows(files: RootFiles, name: str, only: Sequence[str] | None = None) -> tuple[list[str], list[list[str]]]:
    """Return a csv's column names as written, without surrounding blanks, and its rows.

    Fields are separated by commas, or by semicolons or tabs if the first line has no comma. Empty rows are skipped.
    ``only`` names the columns to keep, in this order; the others may be long. Raises InputError if the csv is empty,
    has no row, lacks a column, or a row has another number of fields than the header.
    """
    where = files.where(name)
    rows: list[list[str]] = []
    with _open_text(files, name) as text:
        first = text.readline()
        delimiter = next((delimiter for delimiter in ",;\t" if delimiter in first), ",")
        lines = csv.reader(itertools.chain([first], text), delimiter=delimiter, strict=True)
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
    if not rows:
        raise InputError(f"{where}: the csv has a header and no row; fetch it again")
    return [header[place] for place in places], rows


def find_column(header: list[str], name: str, where: str) -> int:
    """Return the index of the column ``name``, ignoring case; raises InputError that lists the existing columns."""
    folded = [field.lower() for field in header]
    if name.lower() not in folded:
        raise InputError(
            f"{where}: has no column {name!r}; its columns: {', '.join(header)[:200]}; give the table that has "
            "it, with commas between the columns"
        )
    return folded.index(name.lower())
