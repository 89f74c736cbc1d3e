"""What a finished run recorded, read and drawn: curves, confusion, classes, calibration, ROC, class distribution."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_plugins.errors import InputError
from fer_plugins.evaluate.metrics import Predictions
from fer_plugins.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawn = tuple[str, "Figure | None", str]  # file name, figure or None, why there is none


@dataclass(frozen=True)
class RecordedRun:
    """A finished run, or the folds of a protocol pooled, with the predictions of the part that it reports on."""

    record: Record
    part: str  # that is reported on
    predictions: Predictions
    epochs: list[dict[str, float]]  # rows of metrics.csv; none where there is no such file


def read_recorded(folder: str | Path) -> RecordedRun:
    """Read the folder of a finished run.

    Raises:
        InputError: it is no finished run's, nothing was scored over all of it, or a file is damaged.
    """
    record = Record.read(folder)
    status = record.manifest.get("status")
    if status != "finished":
        said = status or "without a status"
        raise InputError(f"{folder}: this run is {said}, not finished; fer-run --resume {folder}")
    part = record.manifest.get("reported_on")
    if part not in record.metrics:
        raise InputError(f"{folder}: nothing was scored over all of it; give the folder of a single run or fold")
    classes = record.metrics[part]["classes"]
    predictions = _read_predictions(record, part, classes)
    return RecordedRun(record, part, predictions, _read_epochs(record.folder / "metrics.csv"))


def draw_recorded(run: RecordedRun) -> Iterator[Drawn]:
    """Yield every figure of what a run recorded, or why it cannot be drawn."""
    from fer_plugins.figures.classes import draw_confusion, draw_distribution, draw_per_class
    from fer_plugins.figures.curves import draw_curves
    from fer_plugins.figures.probabilities import draw_reliability, draw_roc
    from fer_plugins.figures.style import drawing

    manifest, predictions, scores = run.record.manifest, run.predictions, run.record.metrics[run.part]
    name = name_run(run.record)
    title = f"{name}, {run.part}, {scores['n']:,} images"
    finite = bool(np.isfinite(predictions.probabilities).all())
    unfit = "one class only" if finite else "probabilities that are no finite numbers"
    counts, uncounted = count_classes(manifest, run.record.config)
    with drawing():
        curves = draw_curves(run.epochs, manifest.get("best_epoch"), name) if run.epochs else None
        yield "curves", curves, "there is no metrics.csv (folds have one each; logger none writes none)"
        yield "confusion_counts", draw_confusion(scores, title, shares=False), ""
        yield "confusion_shares", draw_confusion(scores, title, shares=True), ""
        yield "per_class", draw_per_class(scores, title), ""
        yield "reliability", draw_reliability(predictions, title) if finite else None, unfit
        yield "roc", draw_roc(predictions, scores["classes"], title) if finite else None, unfit
        yield "class_distribution", draw_distribution(counts, name) if counts else None, uncounted


def name_run(record: Record) -> str:
    """Return what stands in the title of each figure of a run."""
    manifest = record.manifest
    faults = record.metrics.get("not_a_result") or manifest.get("not_a_result")
    return f"{manifest['plugin']['name']}, {manifest['data']['title']}{', NOT A RESULT' if faults else ''}"


def count_classes(
    manifest: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, dict[str, int]] | None, str]:
    """Return the images of each class: series -> {class: images}; or None, and why.

    With ``data.balance`` the series are those before and after balancing, of the part that it changed; otherwise they
    are the parts of the split. Oversampling repeats images while training: "after" are then the images of an epoch.
    """
    counts = manifest["data"].get("counts")
    if not counts:
        return None, "folds have one each"
    one_part = manifest.get("selected_on", {}).get("split") == "test"  # validation and test are the same images
    balance = (settings.get("data") or {}).get("balance", "none")
    if balance == "oversample":
        before = counts["train"]
        after = {name: max(before.values()) if count else 0 for name, count in before.items()}
        return {"training, before": before, "training, an epoch after oversampling": after}, ""
    if balance == "augment":
        before = manifest["data"].get("counts_before_balancing")
        if not before:
            return None, "the run did not record the counts before balancing"
        if "train" in before:
            return {"training, before": before["train"], "training, after augmentation": counts["train"]}, ""
        parts = [counts[split] for split in (("train", "val") if one_part else ("train", "val", "test"))]
        after = {name: sum(part[name] for part in parts) for name in counts["train"]}
        return {"all images, before": before["all"], "all images, after augmentation": after}, ""
    if one_part:
        return {"training": counts["train"], "validation, which is test": counts["val"]}, ""
    return {"training": counts["train"], "validation": counts["val"], "test": counts["test"]}, ""


def _read_epochs(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


def _read_predictions(record: Record, part: str, classes: list[str]) -> Predictions:
    place = {name: number for number, name in enumerate(classes)}
    try:
        rows: list[dict[str, Any]] = [row for row in record.predictions() if row["split"] == part]
        label = np.array([place[row["true"]] for row in rows], dtype=np.int64)
        predicted = np.array([place[row["predicted"]] for row in rows], dtype=np.int64)
        probabilities = np.array([[float(row[f"p_{name}"]) for name in classes] for row in rows])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{record.folder}/predictions.csv: cannot be read: {' '.join(str(error).split())}") from None
    if len(rows) != record.metrics[part]["n"]:
        raise InputError(
            f"{record.folder}/predictions.csv: {len(rows)} rows of {part}, not {record.metrics[part]['n']}"
        )
    own = np.maximum(probabilities[np.arange(len(rows)), label], np.finfo(np.float64).tiny)
    hits = int((label == predicted).sum())
    return Predictions(np.arange(len(rows)), label, predicted, probabilities, -np.log(own), hits)
