"""What a finished run recorded, read and drawn: curves, confusion, classes, calibration, ROC, class distribution."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_plugins.metrics.metrics import Predictions
from fer_plugins.runs.record import Record
from fer_plugins.runs.recorded_answers import rows_of
from fer_plugins.runtime.errors import InputError

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
    counts: dict[str, dict[str, int]] | None  # as ``count_classes`` returns them
    uncounted: str  # why there are none


def read_folder(folder: str | Path) -> Record:
    """Read a run's folder, finished or not.

    Raises:
        InputError: it is no run's folder, or a file in it is damaged.
    """
    if not os.path.exists(folder):
        raise InputError(f"{folder}: not the folder of a run: there is no such folder")
    record = Record.read(folder)
    for name, content in (
        ("config.yaml", record.config),
        ("manifest.json", record.manifest),
        ("metrics.json", record.metrics),
    ):
        if not isinstance(content, dict):
            raise InputError(f"{folder}: {name} holds no mapping; it was not written by a run")
    return record


def read_finished(folder: str | Path) -> Record:
    """Read the folder of a finished run.

    Raises:
        InputError: as ``read_folder``, or the run is not finished, or its manifest does not say what was run.
    """
    record = read_folder(folder)
    status = record.manifest.get("status")
    if status != "finished":
        said = status or "without a status"
        raise InputError(f"{folder}: this run is {said}, not finished; fer-run --resume {folder}")
    try:
        name_run(record)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}: manifest.json was not written by a run of this version ({error})") from None
    return record


def read_recorded(folder: str | Path) -> RecordedRun:
    """Read the folder of a finished run.

    Raises:
        InputError: it is no finished run's, nothing was scored over all of it, or a file is damaged.
    """
    record = read_finished(folder)
    part = str(record.manifest.get("reported_on"))
    if part not in record.metrics:
        raise InputError(f"{folder}: nothing was scored over all of it; give the folder of a single run or fold")
    try:
        targets = record.metrics.get("targets") or {}
        for scores in (*targets.values(), record.metrics[part]):
            classes = [str(name) for name in scores["classes"]]
            np.asarray(scores["confusion_matrix"], dtype=int).reshape(len(classes), len(classes))
            _ = scores["n"], [scores["per_class"][name]["support"] for name in classes]
        counts, uncounted = count_classes(record.manifest, record.config)
        _ = [sum(one.values()) for one in (counts or {}).values()]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{folder}: its record was not written by a run of this version ({error})") from None
    predictions = _read_predictions(record, part, record.metrics[part], classes)
    for name, scores in targets.items():
        _read_predictions(record, "test", scores, classes, name)
    epochs = _read_epochs(record.folder / "metrics.csv")
    return RecordedRun(record, part, predictions, epochs, counts, uncounted)


def draw_recorded(run: RecordedRun) -> Iterator[Drawn]:
    """Yield every figure of what a run recorded, or why it cannot be drawn."""
    from fer_plugins.analysis.figures.classes import draw_confusion, draw_distribution, draw_per_class
    from fer_plugins.analysis.figures.curves import draw_curves
    from fer_plugins.analysis.figures.probabilities import draw_reliability, draw_roc
    from fer_plugins.analysis.figures.style import drawing
    from fer_plugins.analysis.figures.targets import draw_targets

    manifest, predictions, scores = run.record.manifest, run.predictions, run.record.metrics[run.part]
    name = name_run(run.record)
    title = f"{name}, {run.part}, {scores['n']:,} images"
    finite = bool(np.isfinite(predictions.probabilities).all())
    unfit = "one class only" if finite else "probabilities that are no finite numbers"
    counts = run.counts
    with drawing():
        curves = draw_curves(run.epochs, manifest.get("best_epoch"), name) if run.epochs else None
        yield (
            "curves",
            curves,
            "there is no metrics.csv, or no epoch in it (folds have one each; logger none writes none)",
        )
        yield "confusion_counts", draw_confusion(scores, title, shares=False), ""
        yield "confusion_shares", draw_confusion(scores, title, shares=True), ""
        yield "per_class", draw_per_class(scores, title), ""
        yield "reliability", draw_reliability(predictions, title) if finite else None, unfit
        yield "roc", draw_roc(predictions, scores["classes"], title) if finite else None, unfit
        yield "class_distribution", draw_distribution(counts, name) if counts else None, run.uncounted
        yield from draw_targets(run.record.metrics.get("targets") or {}, name)


def name_run(record: Record) -> str:
    """Return what stands in the title of each figure of a run."""
    manifest = record.manifest
    faults = record.metrics.get("not_a_result") or manifest.get("not_a_result")
    model = record.config.get("model") or {}
    pool = model.get("pool")
    pool = pool.get("name") if isinstance(pool, Mapping) else pool
    who = ".".join(filter(None, (manifest["plugin"]["name"], record.config.get("recipe"))))
    who += f" ({pool} pooling)" if pool else ""
    return f"{who}, {manifest['data']['title']}{', NOT A RESULT' if faults else ''}"


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
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            _check_end(path)
            rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if any("epoch" not in row for row in rows):
        raise InputError(f"{path}: has a row without an epoch; repeat the run, or remove the file")
    return rows


def _check_end(path: Path) -> None:
    """Refuse a table that ends within a line: its last number may have lost digits."""
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        raise ValueError("it is cut off in the middle of its last line")


def _read_predictions(
    record: Record, part: str, scores: Mapping[str, Any], classes: list[str], dataset: str = ""
) -> Predictions:
    """Read what was predicted of one dataset, and check that its scores were computed from it."""
    what = f"{part} of {dataset}" if dataset else part
    place = {name: number for number, name in enumerate(classes)}
    path = record.folder / "predictions.csv"
    if not path.is_file():
        raise InputError(f"{record.folder}: predictions.csv is missing; repeat the run")
    try:
        _check_end(path)
        rows: list[dict[str, Any]] = [row for _, row in rows_of(record, part, dataset)]
        label = np.array([place[row["true"]] for row in rows], dtype=np.int64)
        predicted = np.array([place[row["predicted"]] for row in rows], dtype=np.int64)
        probabilities = np.array([[float(row[f"p_{name}"]) for name in classes] for row in rows])
    except KeyError as error:
        raise InputError(f"{path}: cannot be read: no column, or no class, is called {error}") from None
    except InputError:
        raise
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if len(rows) != scores["n"]:
        raise InputError(f"{path}: {len(rows)} rows of {what}, not {scores['n']}")
    if ((probabilities < 0) | (probabilities > 1)).any():  # those that are nan are told where they are to be drawn
        raise InputError(f"{path}: holds probabilities outside of 0 to 1; repeat the run")
    own = np.maximum(probabilities[np.arange(len(rows)), label], np.finfo(np.float64).tiny)
    hits = int((label == predicted).sum())
    found = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(found, (label, predicted), 1)
    if not np.array_equal(found, np.asarray(scores["confusion_matrix"], dtype=int)):
        raise InputError(
            f"{record.folder}: predictions.csv is not what metrics.json was computed from ({what}); repeat the run"
        )
    return Predictions(np.arange(len(rows)), label, predicted, probabilities, -np.log(own), hits)
