"""Streams csv files of faces, one row an image: ``emotion,pixels,Usage`` with the pixels as numbers between blanks.

FER2013 and its relatives are released so. The text is some 300 MB and is never held whole.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from fer_plugins.data.formats.file_kinds import HEAD, read_head
from fer_plugins.data.formats.image_files import OnBadImage
from fer_plugins.data.formats.tables.csv_dialect import Dialect, find_dialect, read_records
from fer_plugins.data.formats.tables.face_rows import FaceRows, make_rows
from fer_plugins.data.formats.tables.pixel_text import parse_pixels
from fer_plugins.runtime.errors import InputError

_BLOCK = 64  # rows parsed at once: about 0.5 MB of text, which stays in the processor's cache


def read_pixel_csv(
    stream: IO[bytes], where: str, file: str, *, side: int = 48, on_bad_row: OnBadImage, split: str = ""
) -> FaceRows:
    """Read all rows of a csv, header first.

    Args:
        stream: the file's bytes, from the start; seekable.
        where: its name, for messages.
        file: its own name, which the rows' sources begin with.
        side: images are expected to be ``side`` x ``side`` pixels; another square number is taken where most have it.
        on_bad_row: what a row leads to that lacks fields or whose pixels are wrong in number or value.
        split: of all rows, where no column says it.

    Raises:
        UnreadableError: such a row, under "error".
        InputError: as ``find_dialect``; splits that are none; no row at all.
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
        records = read_records(_lines(stream, dialect.encoding), dialect.mark, quoted=dialect.quoted)
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
        raise InputError(f"{where}: is no readable csv ({error}); fetch it again") from None
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
