"""Rates of a printed confusion matrix: exact for counts, ranges for fractions of all images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from fer_claims_audit.findings import show, span
from fer_plugins.analysis.claims import Shares

_METRICS = ("recall", "precision", "f1", "specificity")


@dataclass(frozen=True)
class Rate:
    """The value of one metric of a matrix: between ``low`` and ``high``."""

    low: Fraction
    high: Fraction
    how: str  # the arithmetic

    def __str__(self) -> str:
        return show(self.low, 6) if self.low == self.high else span(self.low, self.high)


# (metric, class or None) -> the possible rates, the usual one first.
Rates = dict[tuple[str, str | None], tuple[Rate, ...]]
_Ends = tuple[Fraction, Fraction]


def rates_of_counts(matrix: Sequence[Sequence[int]], classes: tuple[str, ...]) -> Rates:
    """Return all rates of a matrix of counts exactly.

    0/0 is 0, 1 or left out of means, as with scikit-learn's ``zero_division``. Macro means are over all classes of the
    matrix, or over those present.

    Args:
        matrix: (K, K) counts, rows true classes, columns predicted classes.
        classes: the K names.
    """
    rates: Rates = {}
    support = [sum(row) for row in matrix]
    predicted = [sum(column) for column in zip(*matrix, strict=True)]
    total, diagonal = sum(support), [matrix[k][k] for k in range(len(matrix))]

    def put(metric: str, name: str | None, value: Fraction | int, how: str) -> None:
        rates[metric, name] = (Rate(Fraction(value), Fraction(value), how),)

    for k, name in enumerate(classes):
        false = predicted[k] - diagonal[k]
        for metric, above, below in (
            ("recall", diagonal[k], support[k]),
            ("precision", diagonal[k], predicted[k]),
            ("f1", 2 * diagonal[k], support[k] + predicted[k]),
            ("specificity", total - support[k] - false, total - support[k]),
        ):
            put(metric, name, _share(above, below), f"{above}/{below}")
            if not below:
                rates[metric, name] += (Rate(Fraction(1), Fraction(1), "0/0"),)
        put("n_images", name, support[k], "row sum")
        put("n_correct", name, diagonal[k], "diagonal")
        put("n_predicted", name, predicted[k], "column sum")
    rates |= _means(rates, classes, support, predicted)
    for metric in _METRICS:
        defined = [(rates[metric, name], n) for name, n in zip(classes, support, strict=True)]
        weighted = [(sum(of_class[pick].low * n for of_class, n in defined), total) for pick in (0, -1)]
        some = [(of_class[0].low * n, n) for of_class, n in defined if len(of_class) == 1]
        weighted.append((sum(rate for rate, _ in some), sum(n for _, n in some)))
        means = dict.fromkeys(_share(above, below) for above, below in weighted)
        rates[f"weighted_{metric}", None] = tuple(Rate(mean, mean, "mean weighted by row sums") for mean in means)
    accuracy = _share(sum(diagonal), total)
    chance = _share(sum(a * b for a, b in zip(support, predicted, strict=True)), total**2)
    for metric in ("accuracy", "micro_recall", "micro_precision", "micro_f1"):
        put(metric, None, accuracy, f"{sum(diagonal)}/{total}")
    put("n_images", None, total, "sum")
    put("n_correct", None, sum(diagonal), "sum of the diagonal")
    if chance != 1:
        put("kappa", None, (accuracy - chance) / (1 - chance), f"({show(accuracy)} - {show(chance)}) / (1 - it)")
    return rates


def rates_of_shares(cells: Sequence[Sequence[str]], shares: Shares, classes: tuple[str, ...]) -> Rates:
    """Return the ranges of the rates of a matrix of fractions of all images, for rounded or truncated cells.

    Args:
        cells: (K, K) as written, rows true classes, columns predicted classes.
        shares: normalisation of the matrix; of "all".
        classes: the K names.
    """
    values = [[Fraction(cell) for cell in row] for row in cells]
    support, predicted = [sum(row) for row in values], [sum(column) for column in zip(*values, strict=True)]
    diagonal = sum((values[k][k] for k in range(len(values))), Fraction(0))
    percent = " %" if shares.unit == 100 else ""
    how = f"the diagonal adds up to {show(diagonal)}{percent}, each cell rounded or cut off"
    rates: Rates = {}
    for below, above in ((shares.step / 2, shares.step / 2), (Fraction(0), shares.step)):  # rounded, truncated
        ends = [[(max(Fraction(0), value - below), value + above) for value in row] for row in values]
        low, high = _sum(ends[k][k] for k in range(len(ends)))
        rest = _sum(cell for k, row in enumerate(ends) for j, cell in enumerate(row) if j != k)
        low, high = max(low, shares.unit - rest[1]), min(high, shares.unit - rest[0])
        if low > high:  # cells that add up to more than all were not truncated
            continue
        of_window: Rates = {}
        for metric in ("accuracy", "micro_recall", "micro_precision", "micro_f1", "weighted_recall"):
            of_window[metric, None] = (Rate(low / shares.unit, high / shares.unit, how),)
        for k, name in enumerate(classes):
            row = _sum(cell for j, cell in enumerate(ends[k]) if j != k)
            column = _sum(line[k] for i, line in enumerate(ends) if i != k)
            others = _sum(cell for i, line in enumerate(ends) for j, cell in enumerate(line) if k not in (i, j))
            both = ((row[0] + column[0]) / 2, (row[1] + column[1]) / 2)
            for metric, own, wrong in (
                ("recall", ends[k][k], row),
                ("precision", ends[k][k], column),
                ("f1", ends[k][k], both),
                ("specificity", others, column),
            ):
                of_window[metric, name] = (Rate(*_ratio(own, wrong), "from its cells, each rounded or cut off"),)
        of_window |= _means(of_window, classes, support, predicted)
        rates = {key: rates.get(key, ()) + some for key, some in of_window.items()}
    return rates


def _means(
    rates: Rates, classes: tuple[str, ...], support: Sequence[Fraction | int], predicted: Sequence[Fraction | int]
) -> Rates:
    """Return the macro means: over all classes, those with images, those with predictions, with either, with both."""
    parts = [[True] * len(classes), support, predicted]
    parts.append([a + b for a, b in zip(support, predicted, strict=True)])
    parts.append([a * b for a, b in zip(support, predicted, strict=True)])
    means: Rates = {}
    for metric in _METRICS:
        of_parts = []
        for part in parts:
            named = [name for name, some in zip(classes, part, strict=True) if some]
            for pick in (0, -1) if named else ():
                chosen = [rates[metric, name][pick] for name in named]
                low, high = _sum((rate.low, rate.high) for rate in chosen)
                of_parts.append(Rate(low / len(chosen), high / len(chosen), f"mean of {len(chosen)} classes"))
        means[f"macro_{metric}", None] = tuple(dict.fromkeys(of_parts))
    means["balanced_accuracy", None] = means["macro_recall", None]
    return means


def _sum(ends: Iterator[_Ends]) -> _Ends:
    listed = list(ends)
    return sum((low for low, _ in listed), Fraction(0)), sum((high for _, high in listed), Fraction(0))


def _ratio(own: _Ends, wrong: _Ends) -> _Ends:
    """Return the range of own / (own + wrong), which rises with own and falls with wrong; 0/0 may be anything."""
    if not own[0] + wrong[0]:
        return Fraction(0), Fraction(1)
    return own[0] / (own[0] + wrong[1]), own[1] / (own[1] + wrong[0])


def _share(above: Fraction | int, below: int) -> Fraction:
    return Fraction(above, below) if below else Fraction(0)
