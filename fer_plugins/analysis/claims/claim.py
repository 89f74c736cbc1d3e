"""The content of a claims file (numbers, models, class counts), and the range of values that round to a number."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from fer_plugins.analysis.claims.aliases import Reading


@dataclass(frozen=True)
class Claim:
    """One printed number. Rates are fractions in 0..1."""

    model: str | None  # as named in the paper; None: a statement about data
    dataset: str | None
    split: str  # one of SPLITS
    metric: str
    value: float | list[list[float]]  # for the metric confusion_matrix: counts, fractions or percentages
    source: str  # "Table 4"
    note: str = ""
    class_name: str | None = None
    epoch: int | None = None
    classes: tuple[str, ...] | None = None  # of a confusion matrix
    split_means: str | None = None  # what the paper's split really was, if known
    protocols: tuple[str, ...] = ()  # protocols that split the data as the paper did; flawed if the paper's split is
    written: str = ""  # the number as written in the file, with trailing zeros
    step: float | None = None  # unit of the last printed digit, if ``written`` does not show it
    over: str | None = None  # for a gain: the model that it is relative to
    averaging: str | None = None  # over classes: "not_stated" if known to be so
    averaged: str | None = None  # "folds" or "runs": a mean of rates over these, not a rate over all images
    run: int | None = None  # number of the run, if there are several runs of one model
    cells: tuple[tuple[str, ...], ...] = ()  # a matrix as written in the file


@dataclass(frozen=True)
class KnownCounts:
    """Number of images per class of a split, not from a printed table: of a release, or an assumption."""

    dataset: str
    split: str  # one of SPLITS
    counts: dict[str, int]
    source: str


@dataclass(frozen=True)
class Claims:
    """The content of a valid claims.yaml."""

    path: Path
    paper: dict[str, Any]
    models: tuple[dict[str, Any], ...]  # name, role ("proposed", "baseline"), params (int or None)
    claims: tuple[Claim, ...]
    counts: tuple[KnownCounts, ...] = ()
    aliases: tuple[Reading, ...] = ()  # the meanings of the paper's own names of scores
    # Indices of the claims that certainly belong to one test, for files that do not say so; (): no such grouping.
    blocks: tuple[tuple[int, ...], ...] = ()


RATES = {"accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "gar", "far", "frr"}
_COUNTED = {"params", "epochs", "batch_size"}  # whole numbers by nature, like names with the following prefixes
_COUNTED_STARTS = ("n_", "anova_df_", *(f"wilcoxon_{one}" for one in ("n", "w", "rank", "significant")))
_FINEST = -400  # decimals; no double has more
_LONG = 7  # significant digits from which a number may be a binary float that is printed in full
_ULPS = 8  # units in the last place: possible rounding error of the sums behind a printed float
_TITLES = {
    "f1": "F1", "gar": "GAR", "far": "FAR", "frr": "FRR", "ci95": "95 % interval", "halfwidth": "half-width",
    "anova": "ANOVA", "wilcoxon": "Wilcoxon", "ss": "SS", "ms": "MS", "f": "F", "row": "", "s": "in s",
}  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """A printed number, with the range from ``low`` to ``high`` that rounds to it, as exact fractions."""

    claim: Claim
    value: Fraction
    step: Fraction  # unit of the last printed digit; 0 for a count
    slack: Fraction = Fraction(0)  # additional uncertainty if a long number is a binary float
    may_be_cut: bool = False  # whether its digits may have been truncated instead of rounded

    @cached_property
    def low(self) -> Fraction:
        """Smallest value that rounds to the printed one; for rates at least 0."""
        low = self.value - max(self.step / 2, self.slack)
        return max(low, Fraction(0)) if self.is_rate else low

    @cached_property
    def high(self) -> Fraction:
        """Largest value that rounds to the printed one; for rates at most 1."""
        high = self.value + max(self.step if self.may_be_cut else self.step / 2, self.slack)
        return min(high, Fraction(1)) if self.is_rate else high

    @property
    def is_rate(self) -> bool:
        """Whether it is a fraction in 0..1."""
        return self.claim.metric.removeprefix("macro_").removeprefix("weighted_").removeprefix("micro_") in RATES

    @property
    def is_averaged(self) -> bool:
        """Whether it is a mean over folds or runs, rather than a rate over all images."""
        return self.claim.averaged is not None

    @property
    def cut(self) -> tuple[Fraction, Fraction]:
        """The range of values that give the printed one if digits are truncated instead of rounded."""
        return self.value - self.slack, self.value + max(self.step, self.slack)

    def meets(self, low: Fraction, high: Fraction) -> bool:
        """Return whether some value from ``low`` to ``high`` rounds to the printed one."""
        return self.low <= high and low <= self.high

    def __str__(self) -> str:
        name = title(self.claim.metric)
        which = f" of {self.claim.class_name}" if self.claim.class_name else ""
        at = f", epoch {self.claim.epoch}" if self.claim.epoch is not None else ""
        mean = f", mean over {self.claim.averaged}" if self.is_averaged else ""
        written = self.claim.written or f"{self.claim.value:g}"
        if "_significant_at_" in self.claim.metric:
            written = "yes" if self.value else "no"
        elif self.step == 0 and self.value == int(self.value) and abs(self.value) >= 10_000:
            written = f"{int(self.value):,}"
        return f"{name}{which} {written} ({self.claim.source}{at}{mean})"


def title(metric: str) -> str:
    """Return a metric's name for readers.

    >>> title("macro_f1"), title("n_images")
    ('macro F1', 'images')
    """
    parts = metric.removeprefix("n_").split("_")
    return " ".join(filter(None, (_TITLES.get(word, word) for word in parts)))


def read_printed(claim: Claim) -> Printed:
    """Return a claim's number with the range of values that round to it.

    The unit of the last digit is the claim's ``step`` if given, otherwise 0 for counts, otherwise that of the number as
    written (0.80: 0.01). A number with many digits is the nearest binary float, not a decimal rounded at its last
    digit.
    """
    value = Fraction(repr(claim.value)) if isinstance(claim.value, float) else Fraction(0)
    if claim.step is not None:
        return Printed(claim, value, Fraction(repr(claim.step)))
    if (is_count(claim.metric) or claim.metric.startswith("wilcoxon_signed")) and value == int(value):
        return Printed(claim, value, Fraction(0))
    try:
        exponent = Decimal(claim.written or repr(claim.value)).as_tuple().exponent
    except InvalidOperation:  # for example 1_000.5 and other YAML notations
        exponent = Decimal(repr(claim.value)).as_tuple().exponent
    step = Fraction(10) ** max(int(exponent), _FINEST)  # 1.0e-999999999 is read as 0.0
    return Printed(claim, value, step, _float_slack(value, step))


def _float_slack(value: Fraction, step: Fraction) -> Fraction:
    """Return how far a number with many digits may be from the underlying rate: some units of the printed float.

    0.5586514472961426 is a float32 printed as a double, as Keras returns it; 0.43382557815547507 is a double.
    >>> float(_float_slack(Fraction("0.5586514472961426"), Fraction(1, 10**16)))
    4.76837158203125e-07
    """
    if not value or abs(value) < step * 10 ** (_LONG - 1) or abs(value) > 10**30:
        return Fraction(0)
    number = abs(float(value))
    double = Fraction(math.ulp(number))
    for factor in (1, 100):  # printed as fraction or as percentage
        scaled = number * factor
        single = struct.unpack("f", struct.pack("f", scaled))[0]
        if abs(Fraction(single) / factor - abs(value)) <= step / 2 + 4 * double:
            return Fraction(_ULPS * math.ulp(single) * 2**29) / factor
    return _ULPS * double


def is_count(metric: str) -> bool:
    """Return whether a metric is a count: a whole number by nature, and at least 0."""
    return metric in _COUNTED or metric.startswith(_COUNTED_STARTS)
