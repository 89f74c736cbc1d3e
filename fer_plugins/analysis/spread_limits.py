"""What an interval over trainings may say: nothing from two of them, and no value that the score cannot take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FEWEST = 3  # trainings: Student's t has one degree of freedom at two, and its 95 % interval spans 12.7 sd each way
TOO_FEW = "too few"
NO_SPREAD = "no spread"
_SHARE, _DIFFERENCE, _CORRELATION = (0.0, 1.0), (-1.0, 1.0), (-1.0, 1.0)
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "precision", "recall", "f1", "specificity"), _SHARE),
    **dict.fromkeys(("f1_weighted", "top2_accuracy", "auroc", "average_precision", "ece"), _SHARE),
    **dict.fromkeys(("consistency", "consistency_of_pairs", "reference_accuracy", "unchanged", "mean"), _SHARE),
    **dict.fromkeys(("kappa", "mcc"), _CORRELATION),
    **dict.fromkeys(("drop", "accuracy_gain"), _DIFFERENCE),
    "brier": (0.0, 2.0),
    "loss": (0.0, float("inf")),
}
UNBOUNDED = (float("-inf"), float("inf"))


def range_of(score: str) -> tuple[float, float]:
    """Return the least and largest value that a score can take, as fractions; infinite where that is not known.

    Args:
        score: its name; of a dotted name of an evaluation the last known word counts.

    >>> range_of("accuracy"), range_of("shift.zero.consistency.1"), range_of("kappa")
    ((0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
    """
    words = [word for word in score.split(".") if word in _RANGES]
    changes = any(word in ("change", "probability_change", "calibration") for word in score.split("."))
    return UNBOUNDED if changes or not words else _RANGES[words[-1]]


def clip(low: float, high: float, limits: tuple[float, float]) -> dict[str, float]:
    """Return {low, high}, neither outside ``limits``."""
    least, most = limits
    return {"low": min(max(low, least), most), "high": max(min(high, most), least)}


def why_none(values: Sequence[float], *others: Sequence[float]) -> str | None:
    """Return why samples of trainings allow no interval: TOO_FEW or NO_SPREAD; None where they allow one."""
    samples = (values, *others)
    if min(map(len, samples)) < FEWEST:
        return TOO_FEW
    if all(max(one) - min(one) < 1e-12 for one in samples):  # rounding of a mean
        return NO_SPREAD
    return None


def format_spread(spread: Mapping[str, Any], form: str, digits: int = 4) -> str:
    """Write the interval ``form`` ("t", "z") of ``seed_interval``, or why there is none."""
    ends = spread[form]
    return f"{ends['low']:.{digits}f} to {ends['high']:.{digits}f}" if ends else str(spread["why"])
