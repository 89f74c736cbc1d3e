"""Exact search by integer programming for a confusion matrix with given class counts and rates.

All rates depend on a matrix only through its diagonal d_c (correct predictions) and its column sums m_c (predictions).
Integers 0 <= d_c <= N_c and m_c >= d_c belong to some matrix if and only if sum m = sum N and, for every class, its own
errors and the wrong predictions of it together are at most all errors: N_c - d_c + m_c - d_c <= sum (N - d), since a
wrong prediction of c cannot be an error of c (the transport problem with an empty diagonal; Hall's condition).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

_SECONDS = 10.0
_NODES = 200  # of the search tree: gives the same result on a slow machine
_NOTHING = 1e-5  # images; the solver's own tolerance is 1e-6
_Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A printed rate: values between ``low`` and ``high`` round to it."""

    metric: str  # accuracy, macro_recall, macro_specificity; of a class: recall, precision, f1
    low: Fraction
    high: Fraction
    text: str
    class_name: str | None = None


@dataclass(frozen=True)
class Miss:
    """The distance of the nearest confusion matrix from the printed rates."""

    images: float  # images by which the worst rate is beyond its rounding; 0: all are met
    certificate: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Row:
    """One end of a window: values x (d, m) <= limit, in images."""

    values: _Values
    limit: float
    text: str


def nearest_matrix(counts: Mapping[str, int], windows: Sequence[Window]) -> Miss | None:
    """Find the confusion matrix with these class counts that is nearest to all printed rates.

    Args:
        counts: images per class, at least two classes, all above 0.
        windows: the printed rates.

    Returns:
        The minimum number of images by which the worst rate is missed; if it is not 0, with a certificate: the
        multipliers of a contradiction between the inequalities (Farkas) if not even fractional images fit, else the
        nearest integer matrix. None if the solver did not finish in time.
    """
    names, sizes = list(counts), np.array(list(counts.values()), dtype=float)
    rows = [row for window in windows for row in _ends(window, names, sizes)]
    if not rows:
        return Miss(0.0)
    rows += [_hall(k, names, sizes) for k in range(len(names))] + _order(names)
    fractional = _with_fractions(sizes, rows)  # in milliseconds; integer solutions are sought only if it finds one
    return fractional if fractional.images > 0 else _with_whole_images(names, sizes, rows)


def _ends(window: Window, names: Sequence[str], sizes: _Values) -> list[_Row]:
    low, high = float(window.low), float(window.high)
    return [
        _end(window, names, sizes, high, 1.0, f"{window.text}: at most {high:.6g}"),
        _end(window, names, sizes, low, -1.0, f"{window.text}: at least {low:.6g}"),
    ]


def _end(window: Window, names: Sequence[str], sizes: _Values, rate: float, sign: float, text: str) -> _Row:
    """Return sign x (metric - rate) <= 0, times its denominator, in the form values x (d, m) <= limit."""
    classes, total = len(names), float(sizes.sum())
    values, limit = np.zeros(2 * classes), 0.0
    if window.class_name is not None:
        k = names.index(window.class_name)
        right, predicted = k, classes + k
    match window.metric:
        case "accuracy":
            values[:classes], limit = 1, rate * total
        case "macro_recall":
            values[:classes], limit = total / classes / sizes, rate * total
        case "macro_specificity":  # 1 - mean of (m - d)/(N - N_c)
            values[:classes] = total / classes / (total - sizes)
            values[classes:] = -values[:classes]
            limit = (rate - 1) * total
        case "recall":
            values[right], limit = 1, rate * sizes[right]
        case "precision":
            values[right], values[predicted] = 1, -rate
        case "f1":  # 2d/(N + m)
            values[right], values[predicted], limit = 2, -rate, rate * sizes[right]
        case _:
            raise ValueError(f"no window for the metric {window.metric}")
    return _Row(sign * values, sign * limit, text)


def _hall(k: int, names: Sequence[str], sizes: _Values) -> _Row:
    """Return Hall's condition: own errors of class k and wrong predictions of it are at most all errors."""
    classes = len(names)
    values = np.zeros(2 * classes)
    values[:classes] = 1
    values[k] -= 2
    values[classes + k] = 1
    return _Row(values, float(sizes.sum() - sizes[k]), f"errors of {names[k]} and predictions of it <= all errors")


def _order(names: Sequence[str]) -> list[_Row]:
    classes, rows = len(names), []
    for k, name in enumerate(names):
        values = np.zeros(2 * classes)
        values[k], values[classes + k] = 1, -1
        rows.append(_Row(values, 0.0, f"right answers of {name} <= predictions of it"))
    return rows


def _programme(sizes: _Values, rows: Sequence[_Row]) -> dict[str, Any]:
    """Minimise the number of images t by which the rates are missed, over (d, m, t)."""
    classes, total = len(sizes), float(sizes.sum())
    structural = 2 * classes  # the last rows are properties of matrices, not rates, and must be met exactly
    loose = np.array([-1.0] * (len(rows) - structural) + [0.0] * structural)
    return {
        "c": np.array([0.0] * (2 * classes) + [1.0]),
        "A_ub": np.column_stack([np.array([row.values for row in rows]), loose]),
        "b_ub": np.array([row.limit for row in rows]),
        "A_eq": np.array([[0.0] * classes + [1.0] * classes + [0.0]]),
        "b_eq": np.array([total]),
        "bounds": [*((0, size) for size in sizes), *((0, total) for _ in sizes), (0, None)],
    }


def _with_fractions(sizes: _Values, rows: Sequence[_Row]) -> Miss:
    from scipy.optimize import linprog  # takes a fifth of a second to import

    solution = linprog(**_programme(sizes, rows), method="highs")
    if solution.status != 0 or solution.fun <= _NOTHING:
        return Miss(0.0)
    factors = [(-marginal, row.text) for marginal, row in zip(solution.ineqlin.marginals, rows, strict=True)]
    used = "; ".join(f"{factor:.4g} x [{text}]" for factor, text in factors if factor > 1e-9)
    return Miss(
        float(solution.fun),
        (
            f"add these inequalities, in images, with sum of predictions = {sizes.sum():,.0f} and 0 <= right answers "
            f"<= images: {used}",
            f"they leave {solution.fun:.4g} images to be explained, so that no confusion matrix has these rates",
        ),
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the solver's messages, which bypass Python, out of stdout."""
    sys.stdout.flush()
    stdout, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(nowhere)


@_silence()
def _with_whole_images(names: Sequence[str], sizes: _Values, rows: Sequence[_Row]) -> Miss | None:
    from scipy.optimize import milp

    programme, classes = _programme(sizes, rows), len(sizes)
    lowest, highest = zip(*((low, np.inf if high is None else high) for low, high in programme["bounds"]), strict=True)
    options: dict[str, Any] = {
        "integrality": np.array([1] * (2 * classes) + [0]),
        "constraints": [
            (programme["A_ub"], np.full(len(rows), -np.inf), programme["b_ub"]),
            (programme["A_eq"], programme["b_eq"], programme["b_eq"]),
        ],
        "options": {"time_limit": _SECONDS, "node_limit": _NODES},
    }
    met = (*highest[:-1], 0.0)  # first any matrix that meets all rates, which is faster to find than the nearest one
    solution = milp(0 * programme["c"], bounds=(lowest, met), **options)
    if solution.x is not None:
        return Miss(0.0)
    if solution.status != 2:  # neither found nor excluded: node or time limit
        return None
    solution = milp(programme["c"], bounds=(lowest, highest), **options)
    if solution.x is not None and solution.fun <= _NOTHING:
        return Miss(0.0)
    if solution.status != 0:
        return None
    matrix = ", ".join(
        f"{name} {solution.x[k]:.0f} of {sizes[k]:.0f} right, {solution.x[classes + k]:.0f} predicted"
        for k, name in enumerate(names)
    )
    return Miss(
        float(solution.fun),
        (
            f"integer programme over all matrices: the nearest one is off by {solution.fun:.4g} images beyond rounding",
            f"it has {matrix}",
        ),
    )
