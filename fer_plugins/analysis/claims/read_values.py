"""Reads the values of a claims file: numbers and confusion matrices."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from fer_plugins.runtime.errors import InputError

_FINEST = Fraction(1, 10**6)  # relative to 1 or 100: eight units in the last place of a float32 near 1
_RATE_WORDS = {"accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "gar", "far", "frr", "auroc"}


class Written(float):
    """A number that remembers how it is written in the file: 0.80 has more precision than 0.8."""

    text: str


def read_number(value: Any, metric: str, where: str) -> float:
    """Read a finite number; rates must be in 0..1.

    Raises:
        InputError: the value is not a finite number, or is a rate outside 0..1.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # PyYAML reads 1e-3 as text, float as a number
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: value {shorten(value)} must be a number{as_percentage(value)}")
    low = -1 if metric.endswith("_gain") else 0
    if _RATE_WORDS & set(metric.split("_")) and not low <= number <= 1:
        written = getattr(value, "text", str(value))
        raise InputError(f"{where}: value {number:g} must be a fraction in 0..1{as_percentage(f'{written} %')}")
    return number


def shorten(value: Any) -> str:
    """Show a value as written, shortened if it is long."""
    return reprlib.repr(float(value) if isinstance(value, Written) else value)


def as_percentage(value: Any) -> str:
    """Return a hint how to write a percentage as a fraction, keeping its zeros: "82.90 %" is 0.8290.

    >>> as_percentage("82.90 %")
    '; a percentage? write 0.8290'
    """
    shown = value.strip().removesuffix("%").strip() if isinstance(value, str) and value.strip().endswith("%") else ""
    try:
        number = Decimal(shown)
    except InvalidOperation:
        return ""
    return f"; a percentage? write {number.scaleb(-2):f}" if number.is_finite() and 0 <= number <= 100 else ""


@dataclass(frozen=True)
class Shares:
    """A matrix of fractions or percentages."""

    of: str  # "row" (the diagonal is recall), "column" (the diagonal is precision), "either" (both possible) or "all"
    unit: int  # the sum of the cells of each row, each column or all: 1 or 100
    step: Fraction  # unit of the last printed digit of a cell
    off: tuple[tuple[int, Fraction], ...]  # (row or column, its sum) if the sum is not explained by rounding


def read_shares(cells: Sequence[Sequence[str]]) -> Shares | None:
    """Return how a square matrix is normalised, or None if its cells can only be counts.

    Whole numbers are read as percentages if more than half of the rows, or of the columns, or all cells together add up
    to 100, within what rounding or truncating each cell allows; such a matrix may nevertheless contain counts. So may a
    matrix of ones and zeros, which is also how numpy prints the fractions of a perfect network. Cells with many digits
    are binary floats: they are compared to six decimals, relative to 1 or 100.

    >>> read_shares([["0.9", "0.1"], ["0.25", "0.75"]]).of
    'row'
    """
    values = [[Fraction(cell) for cell in row] for row in cells]
    digits = [-int(Decimal(cell).as_tuple().exponent) for row in cells for cell in row]
    step = Fraction(1, 10 ** max(0, *digits)) if len(digits) > 1 else Fraction(1)
    largest = max((value for row in values for value in row), default=Fraction(0))
    for unit in (1, 100):
        if largest > unit or (unit == 1 and step == 1 and any(sum(row) > 1 for row in values)):
            continue
        step = max(step, unit * _FINEST)
        fits = []
        for of, lines in (("row", values), ("column", [list(column) for column in zip(*values, strict=True)])):
            sums = [(place, sum(line, Fraction(0))) for place, line in enumerate(lines) if any(line)]
            off = [item for item in sums if not _rounds(item[1], unit, len(values), step)]
            if 2 * len(off) < len(sums):
                fits.append(Shares(of, unit, step, tuple(off)))
        total = sum((value for row in values for value in row), Fraction(0))
        if _rounds(total, unit, len(values) ** 2, step):
            fits.append(Shares("all", unit, step, ()))
        if sum(not shares.off for shares in fits if shares.of != "all") == 2:  # a good network, in whole percent
            return Shares("either", unit, step, ())
        if fits:  # all columns add up, and most rows nearly do: the precisions of a good network
            return min(fits, key=lambda shares: len(shares.off))
    return None


def _rounds(total: Fraction, unit: int, cells: int, step: Fraction) -> bool:
    """Return whether cells with the exact sum ``unit`` can have this sum when printed: rounded or truncated."""
    return unit - cells * step <= total <= unit + cells * step / 2


def read_matrix(value: Any, where: str) -> list[list[float]]:
    """Read a matrix of counts, or of fractions or percentages with decimals; ``where`` names it in errors."""
    rows = value if isinstance(value, list) else []
    cells = [cell for row in rows if isinstance(row, list) and len(row) == len(rows) for cell in row]
    numbers = all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)
    if not rows or len(cells) != len(rows) ** 2 or not numbers or not all(0 <= cell < math.inf for cell in cells):
        raise InputError(f"{where}: value must be a square list of rows of counts, shares or percentages")
    if any(cell != int(cell) for cell in cells) and read_shares(cells_of(rows)) is None:
        raise InputError(
            f"{where}: value must be a square list of rows of counts, or of shares (percentages) that add up to 1 (100)"
        )
    return rows


def cells_of(value: Any) -> tuple[tuple[str, ...], ...]:
    """Return the cells of a matrix as they are written in the file."""
    return tuple(tuple(str(getattr(cell, "text", cell)) for cell in row) for row in value)
