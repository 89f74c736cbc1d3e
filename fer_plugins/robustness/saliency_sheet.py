"""Sheets of images with what they were explained by: right answers first, wrong ones behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from fer_plugins.figures.style import WIDTH, make_figure, set_title
from fer_plugins.robustness.saliency import Examples, Maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4
_CELL = WIDTH / _COLUMNS  # inches
_TEXT = 0.32  # inches, for two lines over an image
_FEW = 12  # numbers, such as a matrix of 2 x 3


def draw_maps(method: str, examples: Examples, maps: Maps, title: str) -> Figure:
    """Return a sheet: each image with true class, predicted class and its probability, and its map below.

    Each map has its own scale, from 0 to its largest value (``occlusion``: symmetric about 0, blue where the pixel
    speaks for the answer, red where against it). A map that is 0 everywhere is said to be blank.

    Args:
        method: name of the method.
        examples: the images.
        maps: (B, S, S).
        title: what the network is.
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
    signs = "; blue for, red against" if method == "occlusion" else ""
    set_title(figure, title, f"{method}, for the class it says{signs}; each map on its own scale")
    return figure


def draw_pictures(examples: Examples, pictures: dict[str, Tensor], title: str) -> tuple[Figure, dict[str, str]]:
    """Return a sheet of the network's own pictures, a row each, and what is shown or why not.

    Four dimensions (B, C, H, W): colour where C is 3, else the mean over C; three: as they are; two (B, N): a strip.
    Up to 12 numbers an image are written, not drawn. All others are left out.

    Args:
        examples: the images, up to four.
        pictures: name -> tensor whose first dimension is the batch.
        title: what the network is.
    """
    shown = {name: value for name, value in pictures.items() if 2 <= value.dim() <= 4 and value[0].numel() > 1}
    count = len(examples.true)
    strips = [value.dim() == 2 for value in shown.values()]
    heights = [_CELL + _TEXT, *((0.2 if strip else _CELL) + _TEXT / 2 for strip in strips)]
    figure = make_figure(sum(heights) + 0.4)
    axes = figure.subplots(1 + len(shown), count, squeeze=False, height_ratios=heights)
    for column in range(count):
        _show_example(axes[0, column], examples, column)
        axes[0, column].axis("off")
        for row, value in enumerate(shown.values(), 1):
            _show_picture(axes[row, column], value[column].numpy())
    for row, name in enumerate(shown, 1):
        axes[row, 0].set_title(name, loc="left", fontsize=6, pad=2)
    set_title(figure, title, "the network's own pictures (explain); each on its own scale")
    said = {
        name: _describe(value) if name in shown else f"left out: {tuple(value.shape)}"
        for name, value in pictures.items()
    }
    return figure, said


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


def _show_picture(axis: Axes, value: npt.NDArray[Any]) -> None:
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    if value.size <= _FEW:
        text = "\n".join("  ".join(f"{one:.2f}" for one in row) for row in np.atleast_2d(value.squeeze()))
        axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=6, transform=axis.transAxes)
    elif value.ndim == 1:
        axis.imshow(value[None], aspect="auto", cmap="magma")
    elif value.ndim == 3 and len(value) == 3 and value.min() >= 0 and value.max() <= 1:
        axis.imshow(value.transpose(1, 2, 0))
    else:
        axis.imshow(value.mean(0) if value.ndim == 3 else value, cmap="gray")


def _describe(value: Tensor) -> str:
    if value[0].numel() <= _FEW:
        return f"{tuple(value.shape[1:])}: numbers"
    kind = {2: "strip", 3: "picture", 4: "colour" if value.shape[1] == 3 else "mean over the second dimension"}
    return f"{tuple(value.shape[1:])}: {kind[value.dim()]}"
