"""The result of a run for its loggers: scores by key, confusion matrices, tables, and some predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fer_plugins.contract import Result
from fer_plugins.metrics.copies import copy_groups, find_too_few
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.table import CLASS_TABLE, HEADLINE, SUMMARY
from fer_plugins.metrics.votes import AGREEMENTS

if TYPE_CHECKING:
    import numpy.typing as npt

    from fer_plugins.metrics.predictions import Predictions

ReadImages: TypeAlias = "Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]"
SHOWN = 32  # predictions in the table with images


def build_result(
    scores_by_split: Mapping[str, Mapping[str, Any]],
    predictions: Predictions,
    read_images: ReadImages | None,
    sources: Sequence[str],
    classes: Sequence[str],
    summary: Mapping[str, Any],
) -> Result:
    """Return confusion matrices, scores per class, intervals, 32 predictions with images, and the summary.

    Args:
        scores_by_split: split -> scores as returned by ``metrics.scores.score``.
        predictions: predictions for the reported split: "test", or the only one that was scored.
        read_images: function from rows of the sample table, (n,) int64, to their images, (n, H, W, C) uint8. Images are
            requested by row, so that an image cannot be shown with the label of another. None: no images.
        sources: (N,) source names in the order of ``predictions``.
        classes: class names in label order.
        summary: further values of the summary; ``docs/dashboards.md`` lists them.
    """
    reported = "test" if "test" in scores_by_split else next(iter(scores_by_split))
    columns, rows, images = _sample_predictions(predictions, read_images, sources, classes)
    values, matrices, tables = dict(summary), {}, {}
    rates = ["precision", "recall", "f1", "specificity", "support"]
    for split, scores in scores_by_split.items():
        matrices[f"{split}/confusion_matrix"] = scores["confusion_matrix"]
        by_class = [[name, *(row[rate] for rate in rates)] for name, row in scores["per_class"].items()]
        tables[f"{split}/per_class"] = (["class", *rates], by_class)
        if scores.get("intervals"):
            tables[f"{split}/intervals"] = (["score", "class", "value", "low", "high"], _interval_rows(scores))
        values |= {f"{split}/{name}": value for name, value in _flatten(scores).items()}
    epochs = int(summary.get("epochs") or 0)
    return Result(epochs, values, classes, matrices, tables, f"{reported}/predictions", (columns, rows), images)


def _interval_rows(scores: Mapping[str, Any]) -> list[list[Any]]:
    """Return rows (score, class, value, low, high): the overall scores with class "all", then those of each class."""
    intervals = scores["intervals"]
    rows = [
        [name, "all", scores[name], *_ends(intervals[name]).values()] for name in _overall(scores) if name in intervals
    ]
    by_class = intervals.get("per_class", {})
    return rows + [
        [name, label, row.get(name), *_ends(interval).values()]
        for label, row in scores["per_class"].items()
        for name, interval in by_class.get(label, {}).items()
    ]


def _sample_predictions(
    predictions: Predictions, read_images: ReadImages | None, sources: Sequence[str], classes: Sequence[str]
) -> tuple[list[str], list[list[Any]], Sequence[npt.NDArray[np.uint8] | None]]:
    """Return columns, rows and images of a random sample of predictions, with a fixed seed."""
    size = len(predictions)
    sample = np.sort(np.random.default_rng(0).choice(size, min(SHOWN, size), replace=False))
    rows = []
    for n in sample:
        true, predicted = classes[predictions.label[n]], classes[predictions.predicted[n]]
        rows.append([str(sources[n]), true, predicted, *(round(float(p), 6) for p in predictions.probabilities[n])])
    images: Sequence[npt.NDArray[np.uint8] | None] = [None] * len(sample)
    if read_images is not None:
        images = list(read_images(predictions.index[sample]))
    return ["source", "true", "predicted", *(f"p({name})" for name in classes)], rows, images


def _overall(scores: Mapping[str, Any]) -> list[str]:
    return [name for name, entry in all_metrics().items() if entry.shown != "record" and name in scores]


def _ends(interval: Mapping[str, Any] | None, prefix: str = "") -> dict[str, float | None]:
    return {f"{prefix}{end}": (interval or {}).get(end) for end in ("low", "high")}


def _flatten(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of the table of runs, by key without the split; further intervals have their own table."""
    values = {name: scores[name] for name in ("n", *_overall(scores))}
    for name, interval in scores.get("intervals", {}).items():
        if name in HEADLINE:
            values |= _ends(interval, f"{name}_")
    copies = scores.get("copies") or {}
    for group, group_scores in copy_groups(scores).items():
        too_few = find_too_few(scores, group)
        values |= {f"{group}/{name}": None if name in too_few else group_scores[name] for name in ("n", *SUMMARY)}
        for name in HEADLINE:
            values |= _ends(None if name in too_few else group_scores["intervals"][name], f"{group}/{name}_")
    for name, difference in (copies.get("difference") or {}).items():
        if name in SUMMARY:
            values[f"copies_difference/{name}"] = difference["difference"]
            values |= _ends(difference, f"copies_difference/{name}_")
    if majority := scores.get("vote_majority"):
        values |= {f"vote_majority/{name}": majority[name] for name in ("n", *AGREEMENTS)}
        for name in AGREEMENTS:
            values |= _ends(majority["intervals"].get(name), f"vote_majority/{name}_")
        values["vote_majority/errors_with_prediction"] = majority["errors"]["prediction_share"]
    for label, row in scores["per_class"].items():
        values |= {f"{metric}/{label}": row[metric] for metric in CLASS_TABLE}
    return values
