"""What the cells of a printed confusion matrix are: counts, or shares of its rows, its columns or all images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fer_plugins.runtime.errors import InputError


@dataclass(frozen=True)
class Shares:
    """A matrix of shares or percentages."""

    of: str  # "row" (the diagonal is recall), "column" (it is precision) or "all"
    unit: int  # what the cells of one row, one column or all add up to: 1 or 100
    step: Fraction  # unit of the last printed digit of a cell
    off: tuple[tuple[int, Fraction], ...]  # (row or column, its sum) where rounding does not explain the sum


def read_shares(cells: Sequence[Sequence[str]]) -> Shares | None:
    """Return how a square matrix is normalised, or None where its cells can be counts alone.

    Whole numbers are taken for percentages where more than half of the rows, or of the columns, add up to 100 as near
    as rounding or cutting each cell allows; such a matrix may hold counts all the same.

    >>> read_shares([["0.9", "0.1"], ["0.25", "0.75"]]).of
    'row'
    """
    values = [[Fraction(cell) for cell in row] for row in cells]
    digits = [-int(Decimal(cell).as_tuple().exponent) for row in cells for cell in row]
    step = Fraction(1, 10 ** max(0, *digits)) if len(digits) > 1 else Fraction(1)
    largest = max((value for row in values for value in row), default=Fraction(0))
    for unit in (1, 100):
        if largest > unit or (unit == 1 and step == 1):
            continue
        for of, lines in (("row", values), ("column", [list(column) for column in zip(*values, strict=True)])):
            sums = [(place, sum(line, Fraction(0))) for place, line in enumerate(lines) if any(line)]
            off = [item for item in sums if not _rounds(item[1], unit, len(values), step)]
            if 2 * len(off) < len(sums):
                return Shares(of, unit, step, tuple(off))
        total = sum((value for row in values for value in row), Fraction(0))
        if step < 1 and _rounds(total, unit, len(values) ** 2, step):
            return Shares("all", unit, step, ())
    return None


def _rounds(total: Fraction, unit: int, cells: int, step: Fraction) -> bool:
    """Whether cells that add up to ``unit`` can be printed with this sum: rounded, or their last digits cut off."""
    return unit - cells * step <= total <= unit + cells * step / 2


def read_matrix(value: Any, where: str) -> list[list[float]]:
    """Read counts, or shares or percentages with decimals; ``where`` names the entry in the error."""
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
    """Return a matrix as it was written."""
    return tuple(tuple(str(getattr(cell, "text", cell)) for cell in row) for row in value)
