"""Stream csv files of pixels, one row per image, with any encoding, delimiter, header and columns.

FER2013 and similar datasets are released as ``emotion,pixels,Usage``. The text has about 300 MB and is never loaded
whole.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fer_image_files.decoding import OnBadImage
from fer_image_files.file_kinds import HEAD, look_like, read_head
from fer_image_files.tables.csv_columns import LEAST, Columns, find_columns, is_number
from fer_image_files.tables.face_rows import FaceRows, make_rows
from fer_image_files.tables.pixel_text import PixelForm, find_form, parse_pixels, split_numbers
from fer_plugins.runtime.errors import InputError

_DELIMITERS = (",", ";", "\t", "|", " ")
_ROWS = 24  # rows looked at to detect the dialect
_LONGEST_FIELD = 1 << 24  # characters: an image of 2,000 x 2,000 pixels, or all that one stray quote may swallow


@dataclass(frozen=True)
class Dialect:
    """Format of a csv."""

    encoding: str
    delimiter: str  # separator of the fields
    header: bool
    quoted: bool  # a field may hold the delimiter or a line end
    columns: Columns
    form: PixelForm


def find_dialect(head: bytes, where: str, side: int) -> Dialect:
    """Detect the format of a csv from its first ``HEAD`` bytes; images should be ``side`` x ``side`` pixels.

    Raises InputError if it is not a csv, or lacks a column (the message lists the columns).
    """
    if description := look_like(head):
        raise InputError(f"{where}: looks like {description}")
    encoding = _find_encoding(head)
    text = io.StringIO(head.decode(encoding, "replace"), newline=None).getvalue()
    if not text.strip():
        raise InputError(f"{where}: the csv is empty; the columns emotion,pixels,Usage are needed")
    if len(head) >= HEAD:
        text, line_end, _ = text.rpartition("\n")  # the last line may be truncated
        if not line_end:
            raise InputError(f"{where}: no line ends in its first megabyte, and no readable names: it is not a csv")
    quoted = '"' in text
    refusals = []
    for delimiter in _DELIMITERS:
        records = itertools.islice(read_records(text.split("\n"), delimiter, quoted=quoted), _ROWS + 1)
        rows = [[field.strip() for field in fields] for _, fields in records] or [[""]]
        width = len(rows[0])
        matching = sum(len(row) == width for row in rows)
        if delimiter != "," and (width == 1 or 2 * matching < len(rows) or (delimiter == " " and width < LEAST)):
            continue
        header = not _is_data(rows[0])
        samples = [row for row in rows[header:] if len(row) == width]
        try:
            columns = find_columns(rows[0] if header else [], samples, width, where)
        except InputError as error:
            refusals.append(error)
            continue
        form = find_form([" ".join(row[place] for place in columns.pixels) for row in samples], side)
        return Dialect(encoding, delimiter, header, quoted, columns, form)
    raise refusals[-1]


def read_records(lines: Iterable[str], delimiter: str, *, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each non-empty record, and the number of its first line.

    ``delimiter`` separates fields, except between quotes. ``quoted``: fields may contain line ends; without quotes,
    splitting is several times as fast as the module csv.
    """
    csv.field_size_limit(max(_LONGEST_FIELD, csv.field_size_limit()))
    options: dict[str, Any] = {"delimiter": delimiter, "skipinitialspace": delimiter != " "}
    if not quoted:
        for number, line in enumerate(lines, start=1):
            if line and not line.isspace():
                fields = next(csv.reader([line], **options)) if '"' in line else line.split(delimiter)
                yield number, fields
        return
    reader = csv.reader((f"{line}\n" for line in lines), **options)
    first = 1
    for fields in reader:
        if len(fields) > 1 or (fields and fields[0].strip()):
            yield first, fields
        first = reader.line_num + 1


def _find_encoding(head: bytes) -> str:
    for bom, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(bom):
            return encoding
    start = head[:4096]
    for places, encoding in ((start[1::2], "utf-16-le"), (start[0::2], "utf-16-be")):
        if len(start) > 8 and places.count(0) > 0.9 * len(places) and max(start) < 128:
            return encoding
    return "utf-8-sig"


def _is_data(row: Sequence[str]) -> bool:
    """Return whether a first row is an image instead of a header."""
    if any(len(numbers := split_numbers(field)) >= LEAST and is_number(numbers[0]) for field in row):
        return True
    values = [float(field) for field in row if is_number(field)]
    counting = all(b - a == 1 for a, b in itertools.pairwise(values))  # 0, 1, 2, ..., the column names of pandas
    return len(values) >= LEAST and not counting


_BLOCK = 64  # rows parsed at once: about 0.5 MB of text, which fits in the processor's cache


def read_pixel_csv(
    stream: IO[bytes], where: str, file: str, *, side: int = 48, on_bad_row: OnBadImage, split: str = ""
) -> FaceRows:
    """Read all rows of a csv.

    Args:
        stream: bytes of the file, from the start; seekable.
        where: path of the file, for messages.
        file: name of the file, with which the sources of the rows begin.
        side: images should be ``side`` x ``side`` pixels; another square size is used if most rows have it.
        on_bad_row: what to do with a row that lacks fields or has wrong pixels: error (UnreadableError), or skip.
        split: split of all rows, if no column gives it.

    Raises:
        InputError: as in ``find_dialect``; an unknown split; no row.
    """
    dialect = find_dialect(read_head(stream), where, side)
    stream.seek(0)
    columns, form = dialect.columns, dialect.form
    numbers, places, labels, usages = list[int](), list[str](), list[str | None](), list[str]()
    texts: list[str] = []
    reasons: list[str | None] = []
    blocks: list[npt.NDArray[np.uint8]] = []

    def parse() -> None:
        pixels, faults = parse_pixels(texts, form)
        blocks.append(pixels)
        for place, fault in enumerate(faults, start=len(places) - len(texts)):
            reasons[place] = reasons[place] or fault
        texts.clear()

    first, last = columns.pixels[0], columns.pixels[-1] + 1
    together = last - first == len(columns.pixels)
    try:
        records = read_records(_lines(stream, dialect.encoding), dialect.delimiter, quoted=dialect.quoted)
        if dialect.header:
            next(records)
        for number, (line, fields) in enumerate(records, start=1):
            numbers.append(number)
            places.append(f"{where}: row {number} (line {line})")
            if len(fields) == columns.width:
                pixels = fields[first:last] if together else [fields[column] for column in columns.pixels]
                labels.append(fields[columns.label])
                usages.append("" if columns.usage is None else fields[columns.usage].strip())
                texts.append(" ".join(pixels).strip())
                reasons.append(None)
            else:
                labels.append(None)
                usages.append("")
                texts.append("")
                reasons.append(f"the row has {len(fields)} fields, the header has {columns.width}")
            if len(texts) == _BLOCK:
                parse()
    except csv.Error as error:
        raise InputError(f"{where}: is not a readable csv ({error}); fetch it again") from None
    if not numbers:
        raise InputError(f"{where}: the csv has a header and no row; fetch it again")
    parse()
    return make_rows(
        where,
        numbers=numbers,
        sources=[f"{file}:row {number}" for number in numbers],
        places=places,
        labels=labels,
        images=np.concatenate(blocks).reshape(-1, form.side, form.side, 1),
        reasons=reasons,
        split=split,
        usages=None if columns.usage is None else usages,
        notes=_describe(dialect),
        on_bad_image=on_bad_row,
    )


def _lines(stream: IO[bytes], encoding: str) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    rest = ""
    while chunk := stream.read(HEAD):
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from lines
    yield rest + decoder.decode(b"", final=True)


def _describe(dialect: Dialect) -> list[str]:
    notes = []
    if not dialect.header:
        notes.append("The csv has no header: its columns were recognised by their values.")
    if dialect.columns.label_name:
        notes.append(f"The labels are those of column {dialect.columns.label_name}.")
    if dialect.form.scale == "fraction":
        notes.append("The pixels are fractions from 0 to 1 and were read as 0 to 255.")
    if dialect.form.scale == "decimal":
        notes.append("The pixels have decimals and were rounded.")
    return notes
