"""Parse pixels of images written as numbers: integers, decimals, or fractions from 0 to 1."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

_BLANK = ord(" ")
_MARKS = str.maketrans(dict.fromkeys(",;|[](){}'\"", " "))  # characters around numbers in exports
_LEAST_SIDE = 8  # pixels; fewer numbers in a row are not an image


class PixelForm(NamedTuple):
    """How a file writes its images."""

    side: int  # images are side x side pixels
    scale: Literal["whole", "decimal", "fraction"]  # 0..255 without or with decimals, or 0..1


def find_form(samples: Sequence[str], side: int) -> PixelForm:
    """Detect from the text of the first images how a file writes them.

    ``side`` is used unless most samples have another square number of pixels. Numbers are fractions if no sample has
    one above 1 and some are between 0 and 1.
    """
    numbers = [split_numbers(text) for text in samples]
    square = {n: math.isqrt(n) for n in map(len, numbers) if n >= _LEAST_SIDE**2 and math.isqrt(n) ** 2 == n}
    counted = Counter(len(row) for row in numbers)
    usual = max(square, key=lambda n: (counted[n], n == side * side), default=side * side)
    if counted[usual] * 2 < len(numbers):
        usual = side * side
    side = math.isqrt(usual)
    rows = [[value for value in map(_to_float, row) if math.isfinite(value)] for row in numbers if len(row) == usual]
    rows = [row for row in rows if row]
    broken = [row for row in rows if not all(value.is_integer() for value in row)]
    if 2 * len(broken) <= len(rows):  # in a file of integers a single fraction is an error
        return PixelForm(side, "whole")
    within = all(min(row) >= 0 and max(row) <= 1 for row in rows)
    return PixelForm(side, "fraction" if within else "decimal")


def split_numbers(text: str) -> list[str]:
    """Return the numbers in the text of an image, without brackets, quotes and separators."""
    return text.translate(_MARKS).split()


def parse_pixels(texts: Sequence[str], form: PixelForm) -> tuple[npt.NDArray[np.uint8], list[str | None]]:
    """Return the pixels (n, side * side) of the good images, and for each text None or what is wrong with it."""
    width = form.side**2
    block = _parse_clean_block(texts, width)
    if block is None or form.scale == "fraction":
        numbers = [split_numbers(text) for text in texts]
        block = _parse_clean_block([" ".join(row) for row in numbers], width) if form.scale == "whole" else None
    if block is not None:
        return block, [None] * len(texts)
    good: list[npt.NDArray[np.uint8]] = []
    reasons: list[str | None] = []
    for row in numbers:
        parsed = _parse_words(row, width, form.scale)
        reasons.append(parsed if isinstance(parsed, str) else None)
        if not isinstance(parsed, str):
            good.append(parsed)
    return (np.stack(good) if good else np.empty((0, width), np.uint8)), reasons


def _parse_words(numbers: list[str], width: int, scale: str) -> npt.NDArray[np.uint8] | str:
    """Return pixels (width,), or what is wrong."""
    top = 1 if scale == "fraction" else 255
    values = [_to_float(word) for word in numbers]
    for place, value in enumerate(values):
        if not 0 <= value <= top or (scale == "whole" and not value.is_integer()):
            needed = {"whole": "a whole number in 0..255", "decimal": "a number in 0..255"}.get(
                scale, "a number in 0..1, as in the rows before,"
            )
            return f"pixel {place + 1} is {numbers[place][:20]!r}, {needed} is needed"
    if len(numbers) != width:
        return f"the row has {len(numbers)} pixels, {width} are needed"
    pixels: npt.NDArray[np.uint8] = np.rint(np.array(values) * (255 if top == 1 else 1)).astype(np.uint8)
    return pixels


def _to_float(word: str) -> float:
    """Return a word as a number; NaN if it is not a number."""
    try:
        return float(word) if len(word) <= 40 and word.isascii() else math.nan
    except ValueError:
        return math.nan


def _parse_clean_block(texts: Sequence[str], width: int) -> npt.NDArray[np.uint8] | None:
    """Parse rows by array arithmetic; None if anything is not a number of 1 to 3 digits followed by one blank."""
    codes = np.frombuffer(f"{' '.join(texts)} ".encode(), np.uint8)
    blank = codes == _BLANK
    digits = codes - np.uint8(ord("0"))  # wraps around: anything that is not a digit becomes more than 9
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
    # value[i]: the number whose last digit is at i. Its hundreds count only if its tens are a digit too; otherwise the
    # byte two places before belongs to the previous number.
    value = digits.astype(np.uint16)
    value[1:] += np.multiply(digits[:-1], 10, dtype=np.uint16)
    value[2:] += np.multiply(digits[:-2] * is_digit[1:-1], 100, dtype=np.uint16)
    numbers = value[ends - 1]
    if numbers.max() > 255:
        return None
    return numbers.astype(np.uint8).reshape(len(texts), width)
