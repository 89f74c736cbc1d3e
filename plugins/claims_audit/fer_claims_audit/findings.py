"""Results of checks: a contradiction with its certificate, a remark, or what could not be checked."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fer_plugins.analysis.claims import Claim

CHECKED, CONTRADICTED, NOT_CHECKED = "checked", "contradicted", "not checked"  # status of a claim
# Kind of contradiction -> its meaning, in the order of printing.
KINDS = {
    "accuracy and recall": "the mean recall forces the accuracy into a range that leaves the printed one out",
    "accuracy and specificity": "the errors are too few for so low a mean specificity, or too many for so high a one",
    "joint rates": "no confusion matrix with these class counts has all the printed means",
    "mean F1": "mean F1 lies above the harmonic mean of mean precision and mean recall, which it cannot",
    "F1 of a class": "a class's F1 is not that of its precision and recall (a mean over folds or runs may be less)",
    "one formula, two values": "two names of one formula carry different values",
    "false acceptance": "the false acceptance rate follows from none of the other rates in any reading",
    "rows": "the per-class rows are impossible for these class counts (averages over folds or runs may be)",
    "means of rows": "a printed mean is not the mean of the printed rows",
    "confusion matrix": "a printed rate is not what the printed confusion matrix gives",
    "granularity": "no whole number of right answers gives the rate (a mean over folds or runs need not be one)",
    "chance": "the report is what labels paired with foreign predictions give, beside a far better accuracy",
    "loss": "the loss is smaller than the errors alone make a mean cross-entropy",
    "ANOVA": "F, mean squares, sums of squares and degrees of freedom do not belong together",
    "p value": "a p value, or what is said of it, does not follow from the printed statistic",
    "rank sums": "Wilcoxon's rank sums do not belong to the printed number of pairs",
    "spread over runs": "mean, spread and interval over runs do not belong together, or to the test set's size",
    "sums": "parts do not add up to their printed total",
    "release": "image counts are not those of the data set's release",
    "printed twice": "one quantity is printed with different values",
    "products and gains": "a printed product or difference is not that of its printed factors",
}


class Cited(str):
    """A printed number as text that remembers its claims."""

    claims: tuple[Claim, ...]

    def __new__(cls, text: str, claims: tuple[Claim, ...]) -> Cited:
        """Create the text and store ``claims``."""
        cited = super().__new__(cls, text)
        cited.claims = claims
        return cited


@dataclass(frozen=True)
class Finding:
    """A contradiction between printed numbers, with rounding taken into account."""

    kind: str  # one of KINDS
    about: str  # "DCN on CK+, split test, class fear"
    printed: tuple[Cited, ...]  # "F1 0.96 (Table 8)", one per number
    bound: str  # the bound violated by the numbers: "F1 <= 0.945"
    certificate: tuple[str, ...]  # lines of arithmetic that a reader can verify


@dataclass(frozen=True)
class Remark:
    """Useful information that is not a contradiction."""

    about: str
    text: str


@dataclass(frozen=True)
class Unchecked:
    """Something that could not be checked, and what is missing for it."""

    about: str
    missing: str


Outcome = Finding | Remark | Unchecked


def show(number: Fraction | float | int, digits: int = 5) -> str:
    """Format a number briefly.

    >>> show(Fraction(1, 3)), show(0.9452), show(28709)
    ('0.33333', '0.9452', '28,709')
    """
    if number == int(number):
        return f"{int(number):,}"
    return f"{float(number):.{digits}g}"


def span(low: Fraction | float, high: Fraction | float, digits: int = 5) -> str:
    """Format a range: "0.935 to 0.945"."""
    return f"{show(low, digits)} to {show(high, digits)}"
