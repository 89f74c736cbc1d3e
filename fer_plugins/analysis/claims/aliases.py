"""The names that papers give to scores: each name's readings, their formulas, and where they stand in our scores.

One name often stands for several quantities, and one paper prints two names over one formula. Every reading here is an
affine function of one of our scores, so that a printed number can be put beside each of them. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fer_plugins.runtime.errors import InputError

_Affine = Callable[[int], tuple[float, float]]  # number of classes -> (offset, slope)


def _same(classes: int) -> tuple[float, float]:
    return 0.0, 1.0


def _rest(classes: int) -> tuple[float, float]:
    return 1.0, -1.0


def _rest_of_attempts(classes: int) -> tuple[float, float]:
    return 1 / classes, -1 / classes


def _mean_binary(classes: int) -> tuple[float, float]:
    return 1 - 2 / classes, 2 / classes


_OURS: dict[_Affine, str] = {
    _same: "{score}",
    _rest: "1 - {score}",
    _rest_of_attempts: "(1 - {score}) / K",
    _mean_binary: "1 - 2 (1 - {score}) / K",
}
_DUAL_ATTENTION = "Eq. {}, doi:10.1038/s41598-025-09709-1"
_MAX_BLUR = "Eq. 12, doi:10.1038/s41598-024-79167-8"
_ONE_BY_ONE = "Table III, doi:10.18196/jrc.v6i3.25804"
_STANDARD = "standard definition"


@dataclass(frozen=True)
class Reading:
    """One meaning of a paper's name.

    TP, FP, FN and TN are counted for each class against the rest; K is the number of classes, N that of images.
    """

    name: str  # as in claims files
    formula: str  # in those counts
    score: str  # key of a split's scores in metrics.json
    affine: _Affine
    source: str  # who prints or defines it so

    @property
    def ours(self) -> str:
        """The reading in our scores, such as "1 - specificity"."""
        return _OURS[self.affine].format(score=self.score)


def _readings(name: str, *rows: tuple[str, str, _Affine, str]) -> dict[str, tuple[Reading, ...]]:
    return {name: tuple(Reading(name, *row) for row in rows)}


_FALSE_ACCEPTANCE = (
    ("FP / (FP + TN), mean over classes", "specificity", _rest, _STANDARD),
    ("sum of FP / sum of (FP + TN)", "specificity_micro", _rest, "the same, pooled over classes"),
)
_FALSE_REJECTION = (
    ("FN / (TP + FN), mean over classes", "recall", _rest, _STANDARD),
    ("sum of FN / N", "accuracy", _rest, "the same, pooled over classes"),
)
_FALSE_OF_ATTEMPTS = (  # "false acceptances / total attempts": what is an attempt?
    ("sum of FP / N: an attempt is an image", "accuracy", _rest, _DUAL_ATTENTION.format(32)),
    (
        "sum of FP / (K N): an attempt is an image and a class",
        "accuracy",
        _rest_of_attempts,
        _DUAL_ATTENTION.format(32),
    ),
)
_FALSE_DISCOVERY = (("FP / (TP + FP), mean over classes", "precision", _rest, "share of acceptances that are false"),)

ALIASES: dict[str, tuple[Reading, ...]] = (
    _readings("sensitivity", ("TP / (TP + FN), mean over classes", "recall", _same, _DUAL_ATTENTION.format(29)))
    | _readings("uar", ("TP / (TP + FN), mean over classes", "balanced_accuracy", _same, "unweighted average recall"))
    | _readings("war", ("sum of TP / N", "accuracy", _same, "weighted average recall"))
    | _readings(
        "gar",
        ("TP / (TP + FN), mean over classes", "recall", _same, _DUAL_ATTENTION.format(31)),
        ("sum of TP / N", "accuracy", _same, "the same, pooled over classes"),
    )
    | _readings(
        "recognition_rate",
        ("sum of TP / N", "accuracy", _same, f"overall, {_ONE_BY_ONE}"),
        ("TP / (TP + FN), mean over classes", "recall", _same, f"mean of the rates of each class, {_ONE_BY_ONE}"),
    )
    | _readings("far", *_FALSE_ACCEPTANCE, *_FALSE_OF_ATTEMPTS)
    | _readings("frr", *_FALSE_REJECTION, *_FALSE_OF_ATTEMPTS)
    | _readings(
        "false_recognition_rate", *_FALSE_OF_ATTEMPTS, *_FALSE_ACCEPTANCE, *_FALSE_REJECTION[:1], *_FALSE_DISCOVERY
    )
    | _readings("error_rate", ("sum of FN / N", "accuracy", _rest, _STANDARD))
    | _readings(
        "binary_accuracy",
        ("(TP + TN) / (TP + TN + FP + FN), mean over classes", "accuracy", _mean_binary, f"{_MAX_BLUR}, of K classes"),
        ("sum of TP / N", "accuracy", _same, "what the tables of that paper agree with"),
    )
    | _readings("nll", ("mean of -log p(true class), nats", "loss", _same, "negative log-likelihood"))
)


def readings(name: str) -> tuple[Reading, ...]:
    """Return what a paper's name may mean, the most usual meaning first.

    Args:
        name: such as "far"; case, blanks and hyphens do not matter.

    Raises:
        InputError: no alias of that name.
    """
    key = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    if key not in ALIASES:
        raise InputError(f"{name}: no alias of a score; known: {', '.join(sorted(ALIASES))}")
    return ALIASES[key]


def measure(reading: Reading, scores: Mapping[str, Any]) -> float | None:
    """Compute a reading from the scores of one split; None where our score is undefined.

    Args:
        reading: one of ``readings(name)``.
        scores: as ``evaluate.metrics.score`` returns them.
    """
    value = scores.get(reading.score)
    if value is None:
        return None
    offset, slope = reading.affine(len(scores["classes"]))
    return offset + slope * float(value)


def measure_interval(reading: Reading, scores: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the 95 % interval of a reading, from that of our score; None where that has none.

    Args:
        reading: one of ``readings(name)``.
        scores: as ``evaluate.metrics.score`` returns them.
    """
    interval = scores.get("intervals", {}).get(reading.score)
    if interval is None:
        return None
    offset, slope = reading.affine(len(scores["classes"]))
    low, high = sorted(offset + slope * interval[end] for end in ("low", "high"))
    return {**interval, "low": low, "high": high}
