"""The values of a claims file: a number, and how a wrong one is shown."""

from __future__ import annotations

import math
import reprlib
from decimal import Decimal, InvalidOperation
from typing import Any

from fer_plugins.runtime.errors import InputError

_RATES = {"accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "gar", "far", "frr", "auroc"}


class Written(float):
    """A number of the file that remembers how it was written: 0.80 says more than 0.8."""

    text: str


def read_number(value: Any, metric: str, where: str) -> float:
    """Read a finite number; a rate lies in 0..1.

    Raises:
        InputError: it does not.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # PyYAML takes 1e-3 for text: float reads it
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: value {shorten(value)} must be a number{as_percentage(value)}")
    low = -1 if metric.endswith("_gain") else 0
    if _RATES & set(metric.split("_")) and not low <= number <= 1:
        written = getattr(value, "text", str(value))
        raise InputError(f"{where}: value {number:g} must be a fraction in 0..1{as_percentage(f'{written} %')}")
    return number


def shorten(value: Any) -> str:
    """Show a value as written, cut where nobody would read on."""
    return reprlib.repr(float(value) if isinstance(value, Written) else value)


def as_percentage(value: Any) -> str:
    """Say how a percentage is written as a fraction, its zeros kept: "82.90 %" is 0.8290.

    >>> as_percentage("82.90 %")
    '; a percentage? write 0.8290'
    """
    shown = value.strip().removesuffix("%").strip() if isinstance(value, str) and value.strip().endswith("%") else ""
    try:
        number = Decimal(shown)
    except InvalidOperation:
        return ""
    return f"; a percentage? write {number.scaleb(-2):f}" if number.is_finite() and 0 <= number <= 100 else ""
