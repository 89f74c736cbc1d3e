"""What a run ends with, as its loggers show it: scores by key, confusion matrices, tables, some predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fer_plugins.contract import Result
from fer_plugins.metrics.copies import copy_groups
from fer_plugins.metrics.installed import known
from fer_plugins.metrics.table import CLASS_TABLE, HEADLINE, SUMMARY
from fer_plugins.metrics.vote_majority import AGREEMENTS

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
        scores_by_split: split -> scores as ``metrics.scores.score`` returns them.
        predictions: of the split that is reported: "test", or the only one that was scored.
        read_images: called with the rows of the sample table that are shown, (n,) int64; returns their images,
            (n, H, W, C) uint8. Asked for by row, so that no image can stand beside another's label. None: no
            images.
        sources: (N,) source names in the order of ``predictions``.
        classes: names in label order.
        summary: further summary values: those that ``docs/dashboards.md`` lists.
    """
    reported = "test" if "test" in scores_by_split else next(iter(scores_by_split))
    columns, rows, images = _shown_predictions(predictions, read_images, sources, classes)
    values, matrices, tables = dict(summary), {}, {}
    for split, scores in scores_by_split.items():
        matrices[f"{split}/confusion_matrix"] = scores["confusion_matrix"]
        tables[f"{split}/per_class"] = _per_class(scores)
        if scores.get("intervals"):
            tables[f"{split}/intervals"] = _intervals(scores)
        values |= _flatten(split, scores)
    epochs = int(summary.get("epochs") or 0)
    return Result(epochs, values, classes, matrices, tables, f"{reported}/predictions", (columns, rows), images)


def _per_class(scores: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ["precision", "recall", "f1", "specificity", "support"]
    return ["class", *columns], [[name, *(row[c] for c in columns)] for name, row in scores["per_class"].items()]


def _intervals(scores: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of all intervals of a split: the overall ones (class "all"), then each class's."""
    given = scores["intervals"]
    rows: list[list[Any]] = []

    def add(name: str, kind: str, value: Any, interval: Mapping[str, Any] | None) -> None:
        ends = [interval["low"], interval["high"]] if interval else [None, None]
        rows.append([name, kind, value, *ends])

    for name in _overall(scores):
        if name in given:
            add(name, "all", scores.get(name), given[name])
    for kind, row in scores["per_class"].items():
        for name, interval in given.get("per_class", {}).get(kind, {}).items():
            add(name, kind, row.get(name), interval)
    return ["score", "class", "value", "low", "high"], rows


def _shown_predictions(
    predictions: Predictions, read_images: ReadImages | None, sources: Sequence[str], classes: Sequence[str]
) -> tuple[list[str], list[list[Any]], Sequence[npt.NDArray[np.uint8] | None]]:
    """Return columns, rows and images of predictions drawn at random with a fixed seed: not the best, not the worst."""
    size = len(predictions)
    chosen = np.sort(np.random.default_rng(0).choice(size, min(SHOWN, size), replace=False))
    rows = []
    for n in chosen:
        true, predicted = classes[predictions.label[n]], classes[predictions.predicted[n]]
        shares = [round(float(share), 6) for share in predictions.probabilities[n]]
        rows.append([str(sources[n]), true, predicted, *shares])
    images: Sequence[npt.NDArray[np.uint8] | None] = [None] * len(chosen)
    if read_images is not None:
        images = list(read_images(predictions.index[chosen]))
    return ["source", "true", "predicted", *(f"p({name})" for name in classes)], rows, images


def _overall(scores: Mapping[str, Any]) -> list[str]:
    return [name for name, entry in known().items() if entry.shown != "record" and name in scores]


def _flatten(split: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    flat = {f"{split}/{name}": scores[name] for name in ("n", *_overall(scores))}
    for name, interval in scores.get("intervals", {}).items():
        if name in HEADLINE:  # columns of the table of runs; all others stand in SPLIT/intervals
            flat |= {f"{split}/{name}_{end}": interval[end] if interval else None for end in ("low", "high")}
    too_few = (scores.get("copies") or {}).get("too_few", {})
    for group, values in copy_groups(scores).items():
        few = too_few.get(group.removesuffix("_copies"), {})
        flat |= {f"{split}/{group}/{name}": None if name in few else values[name] for name in ("n", *SUMMARY)}
        for name in HEADLINE:
            ends = {} if name in few else values["intervals"][name] or {}
            flat |= {f"{split}/{group}/{name}_{end}": ends.get(end) for end in ("low", "high")}
    for name, difference in ((scores.get("copies") or {}).get("difference") or {}).items():
        if name in SUMMARY:
            flat[f"{split}/copies_difference/{name}"] = difference["difference"]
            flat |= {f"{split}/copies_difference/{name}_{end}": difference[end] for end in ("low", "high")}
    if majority := scores.get("vote_majority"):
        flat |= {f"{split}/vote_majority/{name}": majority[name] for name in ("n", *AGREEMENTS)}
        for name, interval in majority["intervals"].items():
            if name in AGREEMENTS:
                ends = ("low", "high")
                flat |= {f"{split}/vote_majority/{name}_{end}": interval[end] if interval else None for end in ends}
        flat[f"{split}/vote_majority/errors_with_prediction"] = majority["errors"]["prediction_share"]
    for name, row in scores["per_class"].items():
        flat |= {f"{split}/{metric}/{name}": row[metric] for metric in CLASS_TABLE}
    return flat
