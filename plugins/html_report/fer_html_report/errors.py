"""The most confident errors of a run, with their images on request."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_html_report.blocks import Block, Paragraph, Picture, Pictures, Table
from fer_html_report.numbers import NONE
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.errors import InputError

SHOWN = 12
Rows = npt.NDArray[np.intp]


def confident_errors(run: FinishedRun, images: Mapping[str, npt.NDArray[np.uint8]] | None) -> Iterator[Block]:
    """Yield the errors with the highest probability of the wrong class.

    Args:
        run: the run.
        images: source name -> image (S, S, C) of those in ``most_confident``; None: not requested.
    """
    places = most_confident(run)
    wrong = int((run.true != run.predicted).sum())
    if not len(places):
        yield Paragraph("No prediction of a finite probability is wrong.")
        return
    yield Paragraph(f"{wrong:,} of {len(run.true):,} predictions are wrong. The {len(places)} most confident of these:")
    names, predictions = run.classes, run.predictions
    rows = []
    for number, place in enumerate(places, 1):
        true, predicted = run.true[place], run.predicted[place]
        chances = predictions.probabilities[place]
        copy = str(predictions.copies[place]) or NONE
        cells = [
            names[true],
            names[predicted],
            f"{chances[predicted]:.4f}",
            f"{chances[true]:.4f}",
            copy,
            run.sources[place],
        ]
        rows.append([str(number), *cells])
    head = ["No.", "True", "Predicted", "p of the predicted", "p of the true", "Copy in training", "Image"]
    yield Table("The most confident errors", head, rows, frozenset({1, 2, 5, 6}))
    if images is None:
        yield Paragraph(
            "The images are not on this page: many datasets may not be passed on. With --images they are, and passing "
            "the page on is then passing the images on.",
            "note",
        )
        return
    yield Pictures([_picture(row, images[row[-1]]) for row in rows])


def most_confident(run: FinishedRun) -> Rows:
    """Return the indices of the wrong predictions with the highest probabilities, in descending order."""
    wrong = np.flatnonzero(run.true != run.predicted)
    chances = run.predictions.probabilities[wrong, run.predicted[wrong]]
    wrong, chances = wrong[np.isfinite(chances)], chances[np.isfinite(chances)]
    order: Rows = wrong[np.argsort(-chances, kind="stable")][:SHOWN]
    return order


def read_images(run: FinishedRun, root: str | None) -> dict[str, npt.NDArray[np.uint8]]:
    """Read the images of the most confident errors; if they are of the test split, the run's manifest records it.

    Args:
        run: a single run.
        root: current path of the data; None: the recorded path.

    Returns:
        Source name -> (S, S, C) uint8.

    Raises:
        InputError: the run consists of folds, or the data do not exist or are not those of the run.
    """
    from fer_plugins.analysis.opened_run import record_opening
    from fer_plugins.config import resolve
    from fer_plugins.training.build import build_data

    folder = run.record.folder
    if run.is_folds:
        raise InputError(f"--images: {folder}: holds folds, which have their own data; leave --images out")
    settings = {**run.record.config, "data": {**run.record.config["data"], **({"root": root} if root else {})}}
    try:
        data = build_data(resolve(settings).config)
    except InputError as error:
        raise InputError(
            f"--images: {folder}: {error}; give the data with --data.root PATH, or leave --images out"
        ) from None
    if run.record.manifest["data"].get("split_hash") != data.split_hash:
        raise InputError(f"--images: {folder}: the data have changed since; give its own copy with --data.root PATH")
    wanted = [run.sources[place] for place in most_confident(run)]
    if run.split == "test" or data.selects_on_test:
        record_opening(run.record, data, "fer report", f"--images, {len(wanted)} images that were predicted wrongly")
    rows = data.rows(run.split)
    place_of = {name: row for name, row in zip(data.source_names(rows), rows, strict=True)}
    return dict(zip(wanted, data.row_images([place_of[name] for name in wanted]), strict=True)) if wanted else {}


def _picture(row: Sequence[str], image: npt.NDArray[np.uint8]) -> Picture:
    content = io.BytesIO()
    pixels: Any = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    number, true, predicted, chance, *_ = row
    return Picture(
        f"{number}. {true}, predicted {predicted} ({float(chance):.2f})",
        f"Image {row[-1]}: a face with the label {true}, predicted as {predicted} with probability {chance}",
        f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}",
    )
