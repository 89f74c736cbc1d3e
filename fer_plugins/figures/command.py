"""``fer figures RUN...``: draws what finished runs recorded, as PNG and SVG, into each run's folder figures/."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_plugins.errors import InputError
from fer_plugins.evaluate.metrics import Predictions
from fer_plugins.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INSTALL = 'matplotlib is not installed; pip install "fer-plugins[figures]"'


def figures(words: list[str]) -> int:
    """Draw the figures of each run that is named; print what was written and what could not be drawn.

    Args:
        words: folders of finished runs.

    Raises:
        InputError: no folder, an unknown flag, a folder that is no finished run's, or matplotlib missing; every
            folder is read before anything is drawn.
        RunError: a figure cannot be written.
    """
    if not words or any(word.startswith("-") for word in words):
        raise InputError("fer figures: expected the folders of finished runs: fer figures RUN [RUN...]")
    try:
        from fer_plugins.figures.style import write_figure
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise InputError(f"fer figures: {_INSTALL}") from None
    for run in [_read(word) for word in words]:
        for name, figure, reason in _draw(run):
            if figure is None:
                print(f"{run.record.folder}: no {name}: {reason}")
                continue
            print(*write_figure(figure, run.record.folder / "figures", name))
    return 0


@dataclass(frozen=True)
class _Run:
    record: Record
    part: str  # that is reported on
    predictions: Predictions
    epochs: list[dict[str, float]]  # rows of metrics.csv; none where there is no such file


def _read(folder: str) -> _Run:
    record = Record.read(folder)
    status = record.manifest.get("status")
    if status != "finished":
        said = status or "without a status"
        raise InputError(f"{folder}: this run is {said}, not finished; fer-run --resume {folder}")
    part = record.manifest.get("reported_on")
    if part not in record.metrics:
        raise InputError(f"{folder}: nothing was scored over all of it; give the folder of a single run or fold")
    classes = record.metrics[part]["classes"]
    return _Run(record, part, _read_predictions(record, part, classes), _read_epochs(record.folder / "metrics.csv"))


def _draw(run: _Run) -> Iterator[tuple[str, Figure | None, str]]:
    """Yield (file name, figure or None, why there is none)."""
    from fer_plugins.figures.classes import draw_confusion, draw_per_class
    from fer_plugins.figures.curves import draw_curves
    from fer_plugins.figures.probabilities import draw_reliability, draw_roc
    from fer_plugins.figures.style import drawing

    manifest, predictions, scores = run.record.manifest, run.predictions, run.record.metrics[run.part]
    faults = run.record.metrics.get("not_a_result") or manifest.get("not_a_result")
    name = f"{manifest['plugin']['name']}, {manifest['data']['title']}{', NOT A RESULT' if faults else ''}"
    title = f"{name}, {run.part}, {scores['n']:,} images"
    finite = bool(np.isfinite(predictions.probabilities).all())
    unfit = "one class only" if finite else "probabilities that are no finite numbers"
    with drawing():
        curves = draw_curves(run.epochs, manifest.get("best_epoch"), name) if run.epochs else None
        yield "curves", curves, "there is no metrics.csv (folds have one each; logger none writes none)"
        yield "confusion_counts", draw_confusion(scores, title, shares=False), ""
        yield "confusion_shares", draw_confusion(scores, title, shares=True), ""
        yield "per_class", draw_per_class(scores, title), ""
        yield "reliability", draw_reliability(predictions, title) if finite else None, unfit
        yield "roc", draw_roc(predictions, scores["classes"], title) if finite else None, unfit


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
