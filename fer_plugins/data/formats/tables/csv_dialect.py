"""Finds out how a csv of pixels is written: encoding, line ends, the mark between fields, whether it has a header."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from fer_plugins.data.formats.file_kinds import HEAD, look_like
from fer_plugins.data.formats.tables.csv_columns import LEAST, Columns, find_columns, is_number
from fer_plugins.data.formats.tables.pixel_text import PixelForm, find_form, split_numbers
from fer_plugins.runtime.errors import InputError

_MARKS = (b",", b";", b"\t", b"|", b" ")
_ROWS = 24  # looked at


@dataclass(frozen=True)
class Dialect:
    """How a csv is written."""

    encoding: str | None  # None: as ASCII is, so that lines can be split as bytes
    old_mac: bool  # lines end in a carriage return alone
    mark: bytes  # between fields
    header: bool
    quoted: bool  # a field may hold the mark or a line end
    columns: Columns
    form: PixelForm


def find_dialect(head: bytes, where: str, side: int) -> Dialect:
    """Tell from the start of a csv how it is written.

    Args:
        head: its first bytes, up to ``file_kinds.HEAD``.
        where: its name, for messages.
        side: the side of its images that is expected, in pixels.

    Raises:
        InputError: it is no csv, or a needed column is missing (the message lists what is there).
    """
    if said := look_like(head):
        raise InputError(f"{where}: looks like {said}")
    encoding = _find_encoding(head)
    text = head if encoding is None else head.decode(encoding, "ignore").encode()
    text = text.removeprefix(codecs.BOM_UTF8)
    if not text.strip():
        raise InputError(f"{where}: the csv is empty; the columns emotion,pixels,Usage are needed")
    old_mac = b"\n" not in text and b"\r" in text
    lines = text.split(b"\r" if old_mac else b"\n")
    if len(head) >= HEAD:
        if len(lines) == 1:
            raise InputError(f"{where}: no line ends in its first megabyte, and no readable names: it is no csv")
        lines.pop()  # it may be cut off
    lines = _join_quoted(lines)[: _ROWS + 1] or [b""]
    refusals = []
    for mark in _MARKS:
        rows = [[_clean(field) for field in split_record(line, mark)] for line in lines]
        width = len(rows[0])
        alike = sum(len(row) == width for row in rows)
        if mark != b"," and (width == 1 or 2 * alike < len(rows) or (mark == b" " and width < LEAST)):
            continue
        header = not _is_data(rows[0])
        names = [field.decode("utf-8", "replace") for field in rows[0]] if header else []
        samples = [row for row in rows[header:] if len(row) == width]
        try:
            columns = find_columns(names, samples, width, where)
        except InputError as error:
            refusals.append(error)
            continue
        form = find_form([b" ".join(row[place] for place in columns.pixels) for row in samples], side)
        return Dialect(encoding, old_mac, mark, header, any(b'"' in line for line in lines), columns, form)
    raise refusals[-1]


def split_record(line: bytes, mark: bytes) -> list[bytes]:
    """Split a row into its fields; a mark between quotes divides nothing.

    >>> split_record(b'3,"dark, blurred",x', b",")
    [b'3', b'"dark, blurred"', b'x']
    """
    fields = line.split(mark)
    if b'"' not in line:
        return fields
    whole: list[bytes] = []
    pieces: list[bytes] = []
    is_open = False
    for piece in fields:
        pieces.append(piece)
        is_open ^= piece.count(b'"') % 2 == 1
        if not is_open:
            whole.append(mark.join(pieces))
            pieces = []
    return whole + ([mark.join(pieces)] if pieces else [])


def _find_encoding(head: bytes) -> str | None:
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return encoding
    start = head[:4096]
    for places, encoding in ((start[1::2], "utf-16-le"), (start[0::2], "utf-16-be")):
        if len(start) > 8 and places.count(0) > 0.9 * len(places) and max(start) < 128:
            return encoding
    return None


def _join_quoted(lines: list[bytes]) -> list[bytes]:
    """Put lines together that a quoted line end divides, and drop empty ones."""
    joined: list[bytes] = []
    is_open = False
    for line in lines:
        if is_open:
            joined[-1] += b" " + line
        elif line.strip():
            joined.append(line)
        is_open ^= line.count(b'"') % 2 == 1
    return joined


def _clean(field: bytes) -> bytes:
    return field.strip(b' "\t\r\n')


def _is_data(row: Sequence[bytes]) -> bool:
    """Tell whether a first row holds an image instead of names."""
    if any(len(split_numbers(field)) >= LEAST and is_number(split_numbers(field)[0]) for field in row):
        return True
    numbers = [field for field in row if is_number(field)]
    return len(numbers) >= LEAST and not _is_counting(numbers)


def _is_counting(fields: Sequence[bytes]) -> bool:
    """Tell whether fields are the numbers that pandas names columns with: 0, 1, 2, ..."""
    values = [float(field) for field in fields]
    return all(b - a == 1 for a, b in itertools.pairwise(values))
