"""Figures of images with their saliency maps: correct predictions first, then wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fer_plugins.analysis.figures.explained import draw_sheet
from fer_plugins.analysis.figures.readings import read_tensor
from fer_plugins.analysis.figures.style import WIDTH, make_figure, set_title
from fer_robustness_tests.saliency import Examples, Maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4
_CELL = WIDTH / _COLUMNS  # inches
_TEXT = 0.32  # inches, for two lines over an image


def draw_maps(method: str, examples: Examples, maps: Maps, title: str) -> Figure:
    """Return a figure: each image with true class, predicted class and its probability, and its map (S, S) below.

    Each map has its own scale, from 0 to its maximum (``occlusion``: symmetric about 0, blue where a pixel supports the
    prediction, red where it opposes it). A map that is 0 everywhere is labelled blank.
    """
    rows = -(-len(maps) // _COLUMNS)
    figure = make_figure(rows * (2 * _CELL + _TEXT) + 0.4)
    heights = [_CELL + _TEXT, _CELL] * rows
    axes = figure.subplots(2 * rows, _COLUMNS, squeeze=False, height_ratios=heights)
    for number in range(rows * _COLUMNS):
        above, below = (axes[2 * (number // _COLUMNS) + k, number % _COLUMNS] for k in (0, 1))
        above.axis("off")
        below.axis("off")
        if number >= len(maps):
            continue
        _show_example(above, examples, number)
        _show_map(below, maps[number], signed=method == "occlusion")
    scale = (
        "blue: speaks for it, red: against it, white: 0" if method == "occlusion" else "black: 0, the brighter the more"
    )
    set_title(figure, title, f"{method}, for the class that it says", f"each map on its own scale; {scale}")
    return figure


def draw_pictures(examples: Examples, pictures: Mapping[str, Tensor], title: str) -> tuple[Figure, dict[str, str]]:
    """Return a figure of the network's own maps (name -> batch), and for each what is shown or that it is left out.

    They are read and drawn as by ``fer figures --explain``; see ``figures.readings``.
    """
    readings = {name: read_tensor(name, value.double().numpy()) for name, value in pictures.items()}
    images = (examples.images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    names = list(zip(examples.true, examples.predicted, strict=True))
    shown = [reading for reading in readings.values() if reading is not None]
    descriptions = {
        name: f"left out: {tuple(pictures[name].shape)}" if reading is None else reading.description
        for name, reading in readings.items()
    }
    return draw_sheet(images, names, shown, f"{title}; right answers first"), descriptions


def _show_example(axis: Axes, examples: Examples, number: int) -> None:
    image = examples.images[number].permute(1, 2, 0).numpy()
    axis.imshow(image if image.shape[2] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
    right = examples.true[number] == examples.predicted[number]
    axis.set_anchor("S")
    text = f"says {examples.predicted[number]} {examples.probability[number]:.2f}\nis {examples.true[number]}"
    axis.set_title(text, fontsize=6, pad=2, color="black" if right else "#D55E00")


def _show_map(axis: Axes, values: Maps, *, signed: bool) -> None:
    largest = float(np.abs(values).max())
    if largest == 0:
        axis.text(0.5, 0.5, "blank", ha="center", va="center", transform=axis.transAxes)
    elif signed:
        axis.imshow(values, cmap="RdBu", vmin=-largest, vmax=largest)
    else:
        axis.imshow(values, cmap="magma", vmin=0, vmax=largest)
