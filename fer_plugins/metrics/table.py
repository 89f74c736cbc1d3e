"""The table of metrics: everything that runs, tables, dashboards, figures and documentation need to know of them.

To add a metric to the core, add an entry; metrics of plug-ins are added by ``installed``. No torch: an entry computes
from an ``Evidence``, which is only made when there are predictions to score.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from fer_plugins.metrics.differences import accuracy_difference, macro_difference
from fer_plugins.metrics.intervals import DELTA, HALL, SQUARE_AND_ADD
from fer_plugins.metrics.paired import compare_accuracy, compare_by_cluster, compare_macro_f1

if TYPE_CHECKING:
    from fer_plugins.metrics.clusters import Clusters
    from fer_plugins.metrics.confusion import Matrix
    from fer_plugins.metrics.differences import Difference
    from fer_plugins.metrics.evidence import Evidence
    from fer_plugins.metrics.paired import Labels
    from fer_plugins.metrics.resampling import Interval

ByClass = Sequence[float | None]
SHARE, CORRELATION = (0.0, 1.0), (-1.0, 1.0)
NOT_FINITE = "a probability is not a finite number"
_ONE_CLASS = "one class only is present"
_WILSON = "Wilson"


@dataclass(frozen=True)
class PairedTest:
    """The test of a metric for two networks on the same images."""

    compare: Callable[[Labels, Labels, Labels, int], dict[str, Any]]  # true, first, second, number of classes
    method: str  # test and interval, in words
    by_cluster: Callable[[Labels, Labels, Labels, int, Clusters], dict[str, Any]]  # the same by subject or sequence


@dataclass(frozen=True)
class Entry:
    """A metric. Its value for a split is a float, or None if it is undefined."""

    name: str  # in metrics.json, W&B and every option
    word: str  # common name, without the average
    formula: str  # for the documentation
    compute: Callable[[Evidence], float | None]
    interval: Callable[[Evidence], Interval | None]  # only called if the value is not None
    method: str  # method of the interval, for the documentation
    average: Literal["", "macro", "weighted", "micro"] = ""
    range: tuple[float, float] = SHARE
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""  # of the value, or its scale; "" for a fraction
    chance: str = ""  # for the documentation: value at chance level
    source: str = ""
    undefined: str = ""  # when the value is None; "" if never
    of_class: Callable[[Evidence], ByClass] | None = None  # (K,); None if only defined for the whole split
    class_intervals: Callable[[Evidence], Sequence[Interval | None]] | None = None  # (K,), as of_class
    needs_probabilities: bool = False  # the value is None if one of them is not finite
    shown: Literal["table", "board", "record"] = "table"  # result table and W&B, only W&B, or only metrics.json
    difference: Callable[[Matrix, Matrix], Difference] | None = None  # between two disjoint sets of images
    paired: PairedTest | None = None  # if given, the metric is a column of tables and figures of several runs
    distribution: str = ""  # distribution that provides it; "" for the core

    @property
    def title(self) -> str:
        """Name in a table of results, such as "F1 (macro)"."""
        return f"{self.word} ({self.average or self.unit})" if self.average or self.unit else self.word

    @property
    def label(self) -> str:
        """Name in a sentence or on an axis, such as "macro F1"."""
        return f"{self.average} {self.word}".strip()

    @property
    def mode(self) -> Literal["min", "max"]:
        """The better direction, as named by Lightning and W&B."""
        return "min" if self.better == "lower" else "max"


def _difference_of(name: str) -> Callable[[Matrix, Matrix], Difference]:
    return lambda first, second: macro_difference(name, first, second)


def _rate(
    name: str, word: str, formula: str, *, undefined: str = "", chance: str = "", paired: PairedTest | None = None
) -> list[Entry]:
    """Return the entries of a rate: its macro average, which has the name of the rate, weighted and micro average."""
    macro = Entry(
        name, word, formula, lambda e: e.macro(name), lambda e: e.matrix_intervals[name],
        DELTA if name == "specificity" else SQUARE_AND_ADD, "macro",
        source="torchmetrics", undefined=undefined, chance=chance,
        of_class=lambda e: e.by_class(name) if e.has_negatives or not undefined else [None] * len(e.classes),
        class_intervals=lambda e: e.rate_intervals[name], paired=paired,
        difference=_difference_of(name),
    )  # fmt: skip
    weighted = replace(
        macro, name=f"{name}_weighted", average="weighted", of_class=None, class_intervals=None, paired=None,
        method=DELTA, difference=_difference_of(f"{name}_weighted"),
        compute=lambda e: e.weighted(name), interval=lambda e: e.matrix_intervals[f"{name}_weighted"],
        shown="board" if name == "f1" else "record",
    )  # fmt: skip
    # Every wrong prediction is one false positive and one false negative: N (1 - A) of each, in N (K - 1) decisions
    # about a class other than the image's.
    micro = replace(
        weighted, name=f"{name}_micro", average="micro", undefined="", shown="record", method=_WILSON,
        difference=accuracy_difference, compute=lambda e: e.accuracy, interval=lambda e: e.accuracy_interval(),
    )  # fmt: skip
    return [macro, weighted, micro]


def _area(name: str, word: str, formula: str, chance: str, source: str) -> Entry:
    return Entry(
        name, word, formula, lambda e: e.area(name), lambda e: e.area_intervals[name][0], "logit, Student's t", "macro",
        chance=chance, source=source, undefined=f"{_ONE_CLASS}, or {NOT_FINITE}", needs_probabilities=True,
        of_class=lambda e: e.area_by_class(name), class_intervals=lambda e: e.area_intervals[name][1],
    )  # fmt: skip


def _specificity() -> list[Entry]:
    macro, weighted, micro = _rate(
        "specificity", "specificity", "TN / (TN + FP)", undefined=_ONE_CLASS,
        chance="with K classes near 1 - 1/K",
    )  # fmt: skip
    with_negatives = (
        replace(entry, compute=lambda e, of=entry.compute: of(e) if e.has_negatives else None)  # type: ignore[misc]
        for entry in (macro, weighted)
    )
    micro = replace(
        micro,
        difference=None,
        compute=lambda e: 1 - (1 - e.accuracy) / (len(e.classes) - 1),
        interval=lambda e: e.accuracy_interval(lambda share: 1 - (1 - share) / (len(e.classes) - 1)),
    )
    return [*with_negatives, micro]


def _recall() -> list[Entry]:
    macro, weighted, micro = _rate("recall", "recall", "TP / (TP + FN), also called sensitivity; weighted recall is A")
    return [
        macro,
        replace(weighted, method=_WILSON, interval=lambda e: e.accuracy_interval(), difference=accuracy_difference),
        micro,
    ]


def _agreement(name: str, word: str, formula: str, undefined: str, source: str) -> Entry:
    return Entry(
        name, word, formula, lambda e: e.agreement(name), lambda e: e.matrix_intervals[name], DELTA,
        range=CORRELATION, chance="0", source=source, undefined=undefined, difference=_difference_of(name),
    )  # fmt: skip


_ENTRIES = [
    Entry(
        "accuracy", "accuracy", "sum of TP / N", lambda e: e.accuracy, lambda e: e.accuracy_interval(), _WILSON,
        source="torchmetrics", difference=accuracy_difference,
        paired=PairedTest(
            compare_accuracy, "McNemar's mid-p, Bonett-Price interval",
            functools.partial(compare_by_cluster, "accuracy"),
        ),
    ),
    Entry(
        "balanced_accuracy", "balanced accuracy",
        "macro recall, the same number as `recall`; with `adjusted=False` in scikit-learn",
        lambda e: e.macro("recall"), lambda e: e.matrix_intervals["balanced_accuracy"], SQUARE_AND_ADD,
        chance="1/K", source="Brodersen et al. 2010", difference=_difference_of("balanced_accuracy"),
    ),
    *_rate("precision", "precision", "TP / (TP + FP)"),
    *_recall(),
    *_rate(
        "f1", "F1",
        "2 TP / (2 TP + FP + FN) of each class, then averaged; not the F1 of averaged precision and recall",
        paired=PairedTest(
            compare_macro_f1, "exchange by image, paired stratified bootstrap interval",
            functools.partial(compare_by_cluster, "f1"),
        ),
    ),
    *_specificity(),
    _agreement(
        "kappa", "Cohen's kappa",
        "(A - e) / (1 - e), e the sum over classes of share in labels times share in predictions",
        "e is 1", "Cohen 1960",
    ),
    _agreement(
        "mcc", "Matthews correlation",
        "(N sum TP - sum t p) / sqrt((N^2 - sum t^2) (N^2 - sum p^2)), t and p the counts of a class in labels and "
        "predictions",
        "labels or predictions have one class only, where some libraries print 0", "Gorodkin 2004",
    ),
    _area(
        "auroc", "AUROC",
        "area under the ROC curve of p_c, class against rest: the chance that an image of the class gets a larger p_c "
        "than another image, ties counting half",
        "0.5", "torchmetrics, no binning; single precision (about 1e-7)",
    ),
    _area(
        "average_precision", "average precision",
        "sum over thresholds of (recall step) x precision, of p_c, class against rest; not interpolated",
        "the share of the class", "torchmetrics, no binning; single precision",
    ),
    Entry(
        "ece", "calibration error (ECE)",
        "expected calibration error: 15 bins of equal width by the predicted class's p, sum over bins of (images in "
        "the bin / N) x abs(share of hits - mean p). Depends on the number of bins and is biased upwards for small N",
        lambda e: e.calibration_error, lambda e: e.ece_interval, "bootstrap of the bins", better="lower",
        source="Guo et al. 2017, Eq. 3; torchmetrics", undefined=NOT_FINITE, needs_probabilities=True,
    ),
    Entry(
        "brier", "Brier score", "mean over images of the sum over classes of (p_k - [k is the true class])^2",
        lambda e: e.mean("brier"), lambda e: e.mean_intervals["brier"], HALL, range=(0.0, 2.0), better="lower",
        unit="0 to 2", chance="1 - 1/K, of uniform p", source="Brier 1950; some halve it", undefined=NOT_FINITE,
        needs_probabilities=True,
    ),
    Entry(
        "loss", "loss",
        "negative log-likelihood: mean of -log p(true class), computed from the logits, so that it stays finite where "
        "p underflows; neither smoothed nor weighted, whatever the run was trained with",
        lambda e: e.mean("loss"), lambda e: e.mean_intervals["loss"] if e.finite else None, HALL,
        range=(0.0, math.inf), better="lower", unit="nats", chance="log K",
    ),
]  # fmt: skip
METRICS: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
# Name of the metric -> its name in tables and figures.
HEADLINE = {name: entry.label for name, entry in METRICS.items() if entry.paired}  # of several runs
PAIRED = {name: entry.paired for name, entry in METRICS.items() if entry.paired}
SUMMARY = {name: METRICS[name].title for name in ("accuracy", "balanced_accuracy", "f1")}  # of folds, seeds, datasets
EPOCH = ("loss", *SUMMARY)  # on the validation split after each epoch; one of them selects the checkpoint
CLASS_TABLE = {name: METRICS[name].word for name in ("precision", "recall", "f1")}  # class by class


def may_be_undefined(name: str) -> bool:
    """Return whether a metric of the core can be None."""
    return bool(METRICS[name].undefined)
