"""Detects how a csv of pixels is written: encoding, delimiter, header, columns."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fer_plugins.data.formats.file_kinds import HEAD, look_like
from fer_plugins.data.formats.tables.csv_columns import LEAST, Columns, find_columns, is_number
from fer_plugins.data.formats.tables.pixel_text import PixelForm, find_form, split_numbers
from fer_plugins.runtime.errors import InputError

_MARKS = (",", ";", "\t", "|", " ")
_ROWS = 24  # looked at
_LONGEST_FIELD = 1 << 24  # characters: an image of 2,000 x 2,000 pixels, or all that one stray quote may swallow


@dataclass(frozen=True)
class Dialect:
    """How a csv is written."""

    encoding: str
    mark: str  # between fields
    header: bool
    quoted: bool  # a field may hold the mark or a line end
    columns: Columns
    form: PixelForm


def find_dialect(head: bytes, where: str, side: int) -> Dialect:
    """Tell from the start of a csv (up to ``file_kinds.HEAD`` bytes) how it is written; ``side``: pixels, as expected.

    Raises:
        InputError: it is no csv, or a needed column is missing (the message lists what is there).
    """
    if description := look_like(head):
        raise InputError(f"{where}: looks like {description}")
    encoding = _find_encoding(head)
    text = io.StringIO(head.decode(encoding, "replace"), newline=None).getvalue()
    if not text.strip():
        raise InputError(f"{where}: the csv is empty; the columns emotion,pixels,Usage are needed")
    if len(head) >= HEAD:
        text, line_end, _ = text.rpartition("\n")  # the last line may be cut off
        if not line_end:
            raise InputError(f"{where}: no line ends in its first megabyte, and no readable names: it is no csv")
    quoted = '"' in text
    refusals = []
    for mark in _MARKS:
        records = itertools.islice(read_records(text.split("\n"), mark, quoted=quoted), _ROWS + 1)
        rows = [[field.strip() for field in fields] for _, fields in records] or [[""]]
        width = len(rows[0])
        alike = sum(len(row) == width for row in rows)
        if mark != "," and (width == 1 or 2 * alike < len(rows) or (mark == " " and width < LEAST)):
            continue
        header = not _is_data(rows[0])
        samples = [row for row in rows[header:] if len(row) == width]
        try:
            columns = find_columns(rows[0] if header else [], samples, width, where)
        except InputError as error:
            refusals.append(error)
            continue
        form = find_form([" ".join(row[place] for place in columns.pixels) for row in samples], side)
        return Dialect(encoding, mark, header, quoted, columns, form)
    raise refusals[-1]


def read_records(lines: Iterable[str], mark: str, *, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each record that is not empty, and the number of its first line.

    Args:
        lines: of the csv, without their ends.
        mark: between fields; between quotes it divides nothing.
        quoted: whether fields may hold line ends. Splitting is several times as fast as the module csv.
    """
    csv.field_size_limit(max(_LONGEST_FIELD, csv.field_size_limit()))
    options: dict[str, Any] = {"delimiter": mark, "skipinitialspace": mark != " "}
    if not quoted:
        for number, line in enumerate(lines, start=1):
            if line and not line.isspace():
                fields = next(csv.reader([line], **options)) if '"' in line else line.split(mark)
                yield number, fields
        return
    reader = csv.reader((f"{line}\n" for line in lines), **options)
    first = 1
    for fields in reader:
        if len(fields) > 1 or (fields and fields[0].strip()):
            yield first, fields
        first = reader.line_num + 1


def _find_encoding(head: bytes) -> str:
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
    return "utf-8-sig"


def _is_data(row: Sequence[str]) -> bool:
    """Tell whether a first row holds an image instead of names."""
    if any(len(numbers := split_numbers(field)) >= LEAST and is_number(numbers[0]) for field in row):
        return True
    values = [float(field) for field in row if is_number(field)]
    counting = all(b - a == 1 for a, b in itertools.pairwise(values))  # 0, 1, 2, ..., as pandas names columns
    return len(values) >= LEAST and not counting
