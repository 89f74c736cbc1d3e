"""What a claims file holds (numbers, models, class counts), and a printed number with all values that round to it."""

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

    model: str | None  # as the paper calls it; None: a statement about data
    dataset: str | None
    split: str  # one of SPLITS
    metric: str
    value: float | list[list[float]]  # for metric confusion_matrix: counts, shares or percentages
    source: str  # "Table 4"
    note: str = ""
    class_name: str | None = None
    epoch: int | None = None
    classes: tuple[str, ...] | None = None  # of a confusion matrix
    split_means: str | None = None  # what the paper's split really was, where that is known
    protocols: tuple[str, ...] = ()  # that cut this split as the paper did; a flawed paper's are flawed
    written: str = ""  # the number as the file has it, trailing zeros kept
    step: float | None = None  # unit of the last printed digit, where ``written`` does not show it
    over: str | None = None  # of a gain: the model that it is measured against
    averaging: str | None = None  # over classes: "not_stated", where that is known
    averaged: str | None = None  # "folds" or "runs": a mean of as many rates, not a rate of all images
    run: int | None = None  # which of several runs of one model it is the result of
    cells: tuple[tuple[str, ...], ...] = ()  # a matrix as it was written


@dataclass(frozen=True)
class KnownCounts:
    """Images per class of a split, known from elsewhere than a printed table: a release, or an assumption."""

    dataset: str
    split: str  # one of SPLITS
    counts: dict[str, int]
    source: str


@dataclass(frozen=True)
class Claims:
    """A checked claims.yaml."""

    path: Path
    paper: dict[str, Any]
    models: tuple[dict[str, Any], ...]  # name, role ("proposed", "baseline"), params (int or None)
    claims: tuple[Claim, ...]
    counts: tuple[KnownCounts, ...] = ()
    aliases: tuple[Reading, ...] = ()  # what the paper's own names of scores mean
    # Places of the claims that certainly speak of one test each, in a file that does not say so; (): all say it.
    blocks: tuple[tuple[int, ...], ...] = ()


RATES = {"accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "gar", "far", "frr"}
_COUNTED = {"params", "epochs", "batch_size"}  # whole by nature, as is whatever starts so:
_COUNTED_STARTS = ("n_", "anova_df_", *(f"wilcoxon_{one}" for one in ("n", "w", "rank", "significant")))
_FINEST = -400  # decimals; no double has a digit beyond
_LONG = 7  # significant digits from which a number may be a binary float, printed in full
_ULPS = 8  # units in the last place by which the sums behind a printed float may be off
_TITLES = {
    "f1": "F1", "gar": "GAR", "far": "FAR", "frr": "FRR", "ci95": "95 % interval", "halfwidth": "half-width",
    "anova": "ANOVA", "wilcoxon": "Wilcoxon", "ss": "SS", "ms": "MS", "f": "F", "row": "", "s": "in s",
}  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """A number as printed: everything from ``low`` to ``high`` rounds to it; exact fractions."""

    claim: Claim
    value: Fraction
    step: Fraction  # unit of the last printed digit; 0 for a count
    slack: Fraction = Fraction(0)  # beyond the rounding of decimals: that of the binary float behind a long number
    may_be_cut: bool = False  # whether its digits may have been cut off instead of rounded

    @cached_property
    def low(self) -> Fraction:
        """Smallest value that rounds to the printed one; rates do not go below 0."""
        low = self.value - max(self.step / 2, self.slack)
        return max(low, Fraction(0)) if self.is_rate else low

    @cached_property
    def high(self) -> Fraction:
        """Largest value that rounds to the printed one; rates do not go above 1."""
        high = self.value + max(self.step if self.may_be_cut else self.step / 2, self.slack)
        return min(high, Fraction(1)) if self.is_rate else high

    @property
    def is_rate(self) -> bool:
        """Whether it is a share in 0..1."""
        return self.claim.metric.removeprefix("macro_").removeprefix("weighted_").removeprefix("micro_") in RATES

    @property
    def is_averaged(self) -> bool:
        """Whether it is a mean over folds or runs, and not a rate of all images together."""
        return self.claim.averaged is not None

    @property
    def cut(self) -> tuple[Fraction, Fraction]:
        """The values that give the printed one when further digits are cut off instead of rounded."""
        return self.value - self.slack, self.value + max(self.step, self.slack)

    def meets(self, low: Fraction, high: Fraction) -> bool:
        """Whether some value from ``low`` to ``high`` rounds to the printed one."""
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
    """Write a metric's name for readers.

    >>> title("macro_f1"), title("n_images")
    ('macro F1', 'images')
    """
    parts = metric.removeprefix("n_").split("_")
    return " ".join(filter(None, (_TITLES.get(word, word) for word in parts)))


def read_printed(claim: Claim) -> Printed:
    """Take a claim's number with the window of its rounding.

    The unit of the last digit is the claim's ``step``, else that of the number as it was written (0.80: 0.01), else
    0 for what is counted. A number of many digits is the nearest binary float, not a decimal rounded at its last digit.
    """
    value = Fraction(repr(claim.value)) if isinstance(claim.value, float) else Fraction(0)
    if claim.step is not None:
        return Printed(claim, value, Fraction(repr(claim.step)))
    if (is_count(claim.metric) or claim.metric.startswith("wilcoxon_signed")) and value == int(value):
        return Printed(claim, value, Fraction(0))
    try:
        exponent = Decimal(claim.written or repr(claim.value)).as_tuple().exponent
    except InvalidOperation:  # 1_000.5 and other spellings of YAML
        exponent = Decimal(repr(claim.value)).as_tuple().exponent
    step = Fraction(10) ** max(int(exponent), _FINEST)  # 1.0e-999999999 is read as 0.0
    return Printed(claim, value, step, _float_slack(value, step))


def _float_slack(value: Fraction, step: Fraction) -> Fraction:
    """Return how far a number of many digits may be from the rate behind it: some units of the float that was printed.

    0.5586514472961426 is the double that is written for a float32, as Keras returns it; 0.43382557815547507 a double.

    >>> float(_float_slack(Fraction("0.5586514472961426"), Fraction(1, 10**16)))
    4.76837158203125e-07
    """
    if not value or abs(value) < step * 10 ** (_LONG - 1) or abs(value) > 10**30:
        return Fraction(0)
    number = abs(float(value))
    double = Fraction(math.ulp(number))
    for factor in (1, 100):  # the fraction, or the percentage that it was printed as
        scaled = number * factor
        single = struct.unpack("f", struct.pack("f", scaled))[0]
        if abs(Fraction(single) / factor - abs(value)) <= step / 2 + 4 * double:
            return Fraction(_ULPS * math.ulp(single) * 2**29) / factor
    return _ULPS * double


def is_count(metric: str) -> bool:
    """Whether a metric is a count, whole by nature and not below 0."""
    return metric in _COUNTED or metric.startswith(_COUNTED_STARTS)
