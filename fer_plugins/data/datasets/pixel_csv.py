"""Streams csv files of faces, one row an image: ``emotion,pixels,Usage`` with the pixels as numbers between blanks.

FER2013 and its relatives are released so. The text is some 300 MB and is never held whole.
"""

from __future__ import annotations

from typing import IO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fer_plugins.data.datasets.image_files import UnreadableError
from fer_plugins.errors import InputError

_LONGEST_HEADER = 65_536  # bytes; a file without line ends is no csv, and must not be read whole to find out
_BLOCK = 64  # rows parsed at once: about 0.5 MB of text, which stays in the processor's cache
_BLANK = ord(" ")


class Header(NamedTuple):
    """Where the columns stand; ``usage`` is None where the file has none."""

    emotion: int
    pixels: int
    usage: int | None
    width: int  # number of columns


class PixelRows(NamedTuple):
    """The good rows in the file's order, and the bad ones that were left out."""

    row: list[int]  # number of the data row, from 1
    code: list[int]
    usage: list[str]  # as written; "" where the file has no such column
    pixels: npt.NDArray[np.uint8]  # (N, side, side, 1)
    bad: list[tuple[int | None, str, UnreadableError]]  # code (None: unknown), usage, error
    has_usage: bool


def read_header(stream: IO[bytes], where: str) -> Header:
    """Read the first line and find the columns, in any order and case, with or without blanks around the names.

    Raises:
        InputError: the file is empty, or a needed column is missing (the message lists what is there).
    """
    line = stream.readline(_LONGEST_HEADER)
    if not line.strip():
        raise InputError(f"{where}: the csv is empty; the columns emotion,pixels,Usage are needed")
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    names = [field.strip().strip('"').strip() for field in text.split(",")]
    places = {name.lower(): place for place, name in reversed(list(enumerate(names)))}
    if "pixels" in places and "emotion" not in places:
        raise InputError(
            f"{where}: holds images without labels (columns: {', '.join(names)}), as the challenge's test.csv does: "
            "nothing can be trained or scored on it; give fer2013.csv or icml_face_data.csv"
        )
    if "pixels" not in places:
        found = ", ".join(names)
        found = found if len(found) <= 200 and found.isprintable() else "no readable names"
        raise InputError(
            f"{where}: the columns emotion and pixels are needed (and Usage for the splits); found: {found}"
        )
    return Header(places["emotion"], places["pixels"], places.get("usage"), len(names))


def read_pixel_csv(
    stream: IO[bytes], where: str, *, codes: int, side: int, on_bad_row: Literal["error", "skip"]
) -> PixelRows:
    """Read all rows of a csv, header first.

    Args:
        stream: the file's bytes, from the start.
        where: its name, for messages.
        codes: labels lie in 0..codes-1.
        side: images are ``side`` x ``side`` pixels.
        on_bad_row: what a row gets that lacks fields or whose pixels are wrong in number or value.

    Raises:
        UnreadableError: such a row, under "error".
        InputError: a label that is no number in 0..codes-1; the header as in ``read_header``; no row at all.
    """
    header = read_header(stream, where)
    found = PixelRows([], [], [], np.empty((0, side, side, 1), np.uint8), [], header.usage is not None)
    blocks: list[npt.NDArray[np.uint8]] = []
    waiting: list[tuple[int, int, str, str, bytes]] = []  # row, code, usage, place, pixels

    def flush() -> None:
        if not waiting:
            return
        pixels, reasons = _parse_pixels([entry[4] for entry in waiting], side * side)
        blocks.append(pixels)
        for (row, code, usage, place, _), reason in zip(waiting, reasons, strict=True):
            if reason is None:
                found.row.append(row)
                found.code.append(code)
                found.usage.append(usage)
            else:
                judge(code, usage, UnreadableError(place, reason))
        waiting.clear()

    def judge(code: int | None, usage: str, error: UnreadableError) -> None:
        if on_bad_row == "error":
            raise error
        found.bad.append((code, usage, error))

    row = 0
    for number, line in enumerate(stream, start=2):
        if line.isspace():
            continue
        row += 1
        place = f"{where}: row {row} (line {number})"
        fields = line.split(b",")  # no field of this format holds a comma, quoted or not
        if len(fields) != header.width:
            reason = f"the row has {len(fields)} fields, the header has {header.width}"
            flush()  # so that the first bad row is the one that is named
            judge(None, "", UnreadableError(place, reason))
            continue
        code = _parse_code(fields[header.emotion], codes, place)
        usage = "" if header.usage is None else _clean(fields[header.usage]).decode("utf-8", "replace")
        waiting.append((row, code, usage, place, _clean(fields[header.pixels])))
        if len(waiting) == _BLOCK:
            flush()
    if row == 0:
        raise InputError(f"{where}: the csv has a header and no row; fetch it again")
    flush()
    pixels = np.concatenate(blocks) if blocks else np.empty(0, np.uint8)
    return found._replace(pixels=pixels.reshape(-1, side, side, 1))


def _clean(field: bytes) -> bytes:
    return field.strip(b' "\t\r\n')


def _parse_code(field: bytes, codes: int, place: str) -> int:
    text = _clean(field)
    if not text.isdigit() or len(text) > 9 or int(text) >= codes:
        shown = text[:40].decode("utf-8", "replace")
        raise InputError(
            f"{place}: the label is {shown!r}, a number in 0..{codes - 1} is needed; mend or remove the row"
        )
    return int(text)


def _parse_pixels(texts: list[bytes], width: int) -> tuple[npt.NDArray[np.uint8], list[str | None]]:
    """Parse rows of ``width`` numbers; returns the good rows' (n, width) and for each row None or what is wrong."""
    block = _parse_clean_block(texts, width)
    if block is not None:
        return block, [None] * len(texts)
    good, reasons = [], []
    for text in texts:
        reason = _find_fault(text, width)
        reasons.append(reason)
        if reason is None:
            good.append([int(word) for word in text.split()])
    return np.array(good, np.uint8).reshape(-1, width), reasons


def _parse_clean_block(texts: list[bytes], width: int) -> npt.NDArray[np.uint8] | None:
    """Parse rows by whole-array arithmetic; None where anything is not a number of 1 to 3 digits before one blank."""
    codes = np.frombuffer(b" ".join(texts) + b" ", np.uint8)
    blank = codes == _BLANK
    digits = codes - np.uint8(ord("0"))  # wraps around: whatever is no digit becomes more than 9
    is_digit = digits <= 9
    ends = np.flatnonzero(blank)
    if len(ends) != len(texts) * width or np.count_nonzero(is_digit) + len(ends) != len(codes):
        return None
    row_ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    if not np.array_equal(ends[width - 1 :: width], row_ends):
        return None
    lengths = np.diff(ends, prepend=-1)
    if lengths.min() < 2 or lengths.max() > 4:
        return None
    digits[blank] = 0
    # value[i]: the number whose last digit stands at i. Its hundreds count only when its tens are a digit too;
    # otherwise the byte two places back belongs to the number before.
    value = digits.astype(np.uint16)
    value[1:] += np.multiply(digits[:-1], 10, dtype=np.uint16)
    value[2:] += np.multiply(digits[:-2] * is_digit[1:-1], 100, dtype=np.uint16)
    numbers = value[ends - 1]
    if numbers.max() > 255:
        return None
    return numbers.astype(np.uint8).reshape(len(texts), width)


def _find_fault(text: bytes, width: int) -> str | None:
    words = text.split()
    for place, word in enumerate(words, start=1):
        if not word.isdigit() or len(word) > 9 or int(word) > 255:
            shown = word[:20].decode("utf-8", "replace")
            return f"pixel {place} is {shown!r}, a whole number in 0..255 is needed"
    if len(words) != width:
        return f"the row has {len(words)} pixels, {width} are needed"
    return None
