"""The names that papers give to scores: the readings of each name, their formulas, and the corresponding scores.

One name is often used for several quantities. Every reading is an affine function of one of our scores, so that a
printed number can be compared with each of them. The usual names are listed here; a paper's own names are in its claims
file. Does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fer_plugins.metrics.cluster_keys import of_clusters
from fer_plugins.runtime.errors import InputError

# How a reading is computed from a score: as text, and as function from the number of classes to (offset, slope).
FORMS: dict[str, tuple[str, Callable[[int], tuple[float, float]]]] = {
    "same": ("{score}", lambda classes: (0.0, 1.0)),
    "complement": ("1 - {score}", lambda classes: (1.0, -1.0)),
    "complement_per_class": ("(1 - {score}) / K", lambda classes: (1 / classes, -1 / classes)),
    "mean_binary": ("1 - 2 (1 - {score}) / K", lambda classes: (1 - 2 / classes, 2 / classes)),
}


@dataclass(frozen=True)
class Reading:
    """One meaning of a paper's name.

    TP, FP, FN and TN are counted for each class against the rest; K is the number of classes, N the number of images.
    """

    name: str  # as in claims files
    formula: str  # in terms of these counts
    score: str  # key in a split's scores in metrics.json
    form: str  # one of FORMS
    source: str  # where it is printed or defined

    @property
    def ours(self) -> str:
        """The reading in terms of our scores, such as "1 - specificity"."""
        return FORMS[self.form][0].format(score=self.score)


_STANDARD, _POOLED = "standard definition", "the same, pooled over classes"
ALIASES = (
    Reading("sensitivity", "TP / (TP + FN), mean over classes", "recall", "same", _STANDARD),
    Reading("sensitivity", "sum of TP / N", "accuracy", "same", _POOLED),
    Reading("uar", "TP / (TP + FN), mean over classes", "balanced_accuracy", "same", "unweighted average recall"),
    Reading("war", "sum of TP / N", "accuracy", "same", "weighted average recall"),
    Reading("gar", "TP / (TP + FN), mean over classes", "recall", "same", _STANDARD),
    Reading("gar", "sum of TP / N", "accuracy", "same", _POOLED),
    Reading("far", "FP / (FP + TN), mean over classes", "specificity", "complement", _STANDARD),
    Reading("far", "sum of FP / sum of (FP + TN)", "specificity_micro", "complement", _POOLED),
    Reading("frr", "FN / (TP + FN), mean over classes", "recall", "complement", _STANDARD),
    Reading("frr", "sum of FN / N", "accuracy", "complement", _POOLED),
    Reading("error_rate", "sum of FN / N", "accuracy", "complement", _STANDARD),
    Reading("nll", "mean of -log p(true class), nats", "loss", "same", "negative log-likelihood"),
)


def readings(name: str, own: Sequence[Reading] = ()) -> tuple[Reading, ...]:
    """Return the possible meanings of a name, the most usual one first.

    Args:
        name: such as "far"; case, spaces and hyphens do not matter.
        own: a paper's own readings (``Claims.aliases``); one with the formula of a usual reading replaces it.

    Raises:
        InputError: the name is unknown.
    """
    key = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    aliases = {reading.formula: reading for reading in (*ALIASES, *own) if reading.name == key}
    if not aliases:
        names = ", ".join(sorted({reading.name for reading in (*ALIASES, *own)}))
        raise InputError(f"{name}: no alias of a score; known: {names}")
    return tuple(aliases.values())


def measure(reading: Reading, scores: Mapping[str, Any]) -> float | None:
    """Compute a reading from the scores of a split; None if our score is undefined."""
    value = scores.get(reading.score)
    if value is None:
        return None
    offset, slope = _affine(reading, scores)
    return offset + slope * float(value)


def measure_interval(reading: Reading, scores: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the 95 % interval of a reading, computed from that of our score (by subject if available), or None."""
    interval = (of_clusters(scores) or {}).get(reading.score) or (scores.get("intervals") or {}).get(reading.score)
    if interval is None:
        return None
    offset, slope = _affine(reading, scores)
    low, high = sorted(offset + slope * interval[end] for end in ("low", "high"))
    return {**interval, "low": low, "high": high}


def _affine(reading: Reading, scores: Mapping[str, Any]) -> tuple[float, float]:
    classes = 1 if reading.form in ("same", "complement") else len(scores["classes"])  # missing in scores of one class
    return FORMS[reading.form][1](classes)
