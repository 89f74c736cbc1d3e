"""Streams csv files of faces, one row an image: ``emotion,pixels,Usage`` with the pixels as numbers between blanks.

FER2013 and its relatives are released so. The text is some 300 MB and is never held whole.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.data.formats.file_kinds import HEAD, read_head
from fer_plugins.data.formats.image_files import UnreadableError
from fer_plugins.data.formats.split_names import split_of
from fer_plugins.data.formats.tables.csv_dialect import Dialect, find_dialect, split_record
from fer_plugins.data.formats.tables.face_rows import BadRow, FaceRows, clean_label, refuse_splits
from fer_plugins.data.formats.tables.pixel_text import parse_pixels
from fer_plugins.runtime.errors import InputError

_BLOCK = 64  # rows parsed at once: about 0.5 MB of text, which stays in the processor's cache
_LONGEST_ROW = 1 << 24  # bytes that a quoted field with line ends may have, so that one stray quote swallows no file


def read_dialect(stream: IO[bytes], where: str, side: int = 48) -> Dialect:
    """Look at the start of a csv.

    Raises:
        InputError: as ``find_dialect``.
    """
    return find_dialect(read_head(stream), where, side)


def read_pixel_csv(
    stream: IO[bytes], where: str, file: str, *, side: int, on_bad_row: Literal["error", "skip"]
) -> FaceRows:
    """Read all rows of a csv, header first.

    Args:
        stream: the file's bytes, from the start.
        where: its name, for messages.
        file: its own name, which the rows' sources begin with.
        side: images are expected to be ``side`` x ``side`` pixels; another square number is taken where most have it.
        on_bad_row: what a row gets that lacks fields or whose pixels are wrong in number or value.

    Raises:
        UnreadableError: such a row, under "error".
        InputError: as ``find_dialect``; splits that are none; no row at all.
    """
    head = read_head(stream)
    dialect = find_dialect(head, where, side)
    columns, form, mark = dialect.columns, dialect.form, dialect.mark
    found = FaceRows(where)
    usages: list[str] = []
    blocks: list[npt.NDArray[np.uint8]] = []
    waiting: list[tuple[int, bytes, bytes, str, bytes]] = []  # row, label, usage, place, pixels
    labels: dict[bytes, str] = {}
    splits: dict[bytes, str] = {}

    def flush() -> None:
        if not waiting:
            return
        pixels, reasons = parse_pixels([entry[4] for entry in waiting], form)
        blocks.append(pixels)
        for (row, label, usage, place, _), reason in zip(waiting, reasons, strict=True):
            if label not in labels:
                labels[label] = clean_label(_clean(label).decode("utf-8", "replace"))
            if usage not in splits:
                splits[usage] = split_of(_clean(usage).decode("utf-8", "replace")) or ""
            if reason is not None:
                judge(BadRow(labels[label], splits[usage], place, reason))
                continue
            found.row.append(row)
            found.source.append(f"{file}:row {row}")
            found.place.append(place)
            found.label.append(labels[label])
            found.split.append(splits[usage])
            usages.append(_clean(usage).decode("utf-8", "replace"))
        waiting.clear()

    def judge(bad: BadRow) -> None:
        if on_bad_row == "error":
            raise UnreadableError(bad.where, bad.reason)
        found.bad.append(bad)

    row = 0
    first, last = columns.pixels[0], columns.pixels[-1] + 1
    wide = len(columns.pixels) > 1
    together = last - first == len(columns.pixels)
    for number, line in _records(head, stream, dialect):
        if line.isspace() or not line:
            continue
        row += 1
        place = f"{where}: row {row} (line {number})"
        fields = line.split(mark)
        if len(fields) != columns.width and b'"' in line:
            fields = split_record(line, mark)
        if len(fields) != columns.width:
            flush()  # so that the first bad row is the one that is named
            judge(BadRow(None, "", place, f"the row has {len(fields)} fields, the header has {columns.width}"))
            continue
        usage = b"" if columns.usage is None else fields[columns.usage]
        pixels = fields[first]
        if wide:
            pixels = b" ".join(fields[first:last] if together else [fields[column] for column in columns.pixels])
        waiting.append((row, fields[columns.label], usage, place, _clean(pixels)))
        if len(waiting) == _BLOCK:
            flush()
    if row == 0:
        raise InputError(f"{where}: the csv has a header and no row; fetch it again")
    flush()
    found.images = np.concatenate(blocks or [np.empty(0, np.uint8)]).reshape(-1, form.side, form.side, 1)
    if columns.usage is not None:
        refuse_splits(found, usages, "Usage")
    found.notes = _describe(dialect)
    return found


def _describe(dialect: Dialect) -> list[str]:
    notes = []
    if not dialect.header:
        notes.append("The csv has no header: its columns were told by what they hold.")
    if dialect.columns.label_name:
        notes.append(f"The labels are those of column {dialect.columns.label_name}.")
    if dialect.form.scale == "fraction":
        notes.append("The pixels are fractions from 0 to 1 and were read as 0 to 255.")
    if dialect.form.scale == "decimal":
        notes.append("The pixels have decimals and were rounded.")
    return notes


def _records(head: bytes, stream: IO[bytes], dialect: Dialect) -> Iterator[tuple[int, bytes]]:
    """Yield the number of its first line and the text of each row behind the header."""
    lines: Iterator[bytes] = iter(io.BufferedReader(_Joined(head, stream), HEAD))
    if dialect.encoding or dialect.old_mac:
        text = io.TextIOWrapper(
            io.BufferedReader(_Joined(head, stream)), encoding=dialect.encoding or "utf-8", errors="replace"
        )
        lines = (line.encode() for line in text)
    numbered = enumerate(lines, start=1)
    header = dialect.header
    for number, line in numbered:
        line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if dialect.quoted and line.count(b'"') % 2:
            pieces, size = [line], len(line)
            for _, more in numbered:
                pieces.append(more)
                size += len(more)
                if more.count(b'"') % 2 or size > _LONGEST_ROW:
                    break
            line = b" ".join(pieces)
        if not header:
            yield number, line
        elif line.strip():
            header = False


def _clean(field: bytes) -> bytes:
    return field.strip(b' "\t\r\n')


class _Joined(io.RawIOBase):
    """What was read already, and the rest of the stream behind it."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = memoryview(head), stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk = self._head[: len(buffer)] if self._head else self._stream.read(len(buffer))
        self._head = self._head[len(chunk) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)
