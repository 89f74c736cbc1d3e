"""The sheet of a network's explanations: ``explain(x)`` for an image of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from fer_plugins.analysis.figures.readings import Reading, read_tensor
from fer_plugins.analysis.figures.style import COLOURS, drawing, lay_out, show_image
from fer_plugins.contract import HasExplain
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.preprocessing import to_float
from fer_plugins.runtime.evaluating import evaluating

_COLUMNS = 7  # number of images
_HEAT = "viridis"  # perceptually uniform and colour-blind safe
_NEAR = 8  # letters that fit above a column


def draw_explained(network: nn.Module, data: FERDataModule, split: str, title: str) -> tuple[Figure | None, list[str]]:
    """Draw the result of ``network.explain`` for seven images of a split, one of each class before a second of any.

    The images are chosen at random, the same for every network, and not by hand. The network's mode is restored
    afterwards.

    Args:
        network: a trained network on any device.
        data: prepared data; the test split must be open if it is drawn.
        split: "val", "test" or "train".
        title: what was run.

    Returns:
        The sheet, or None for a network without ``explain``; and the names of tensors that cannot be drawn (more than
        four dimensions, or values that are not finite).
    """
    if not isinstance(network, HasExplain):
        return None, []
    rows = choose_rows(data, split)
    pixels = data.row_images(rows)
    some = next(network.parameters())
    images = to_float(torch.from_numpy(pixels).permute(0, 3, 1, 2)).to(some.device, some.dtype)
    with evaluating(network), torch.no_grad():
        predicted = network(images).argmax(1).tolist()
        tensors = {name: tensor.double().cpu().numpy() for name, tensor in network.explain(images).items()}
    readings = {name: read_tensor(name, tensor) for name, tensor in tensors.items()}
    shown = [reading for reading in readings.values() if reading is not None]
    names = [
        (data.classes[data.table.label[row]], data.classes[predicted_class])
        for row, predicted_class in zip(rows, predicted, strict=True)
    ]
    with drawing():
        figure = draw_sheet(pixels, names, shown, f"{title}, {split}")
    return figure, [name for name, reading in readings.items() if reading is None]


def choose_rows(data: FERDataModule, split: str) -> npt.NDArray[np.int64]:
    """Return up to seven random rows of a split of the dataset trained on, one of each class before a second."""
    rows = np.random.default_rng(0).permutation(data.rows(split))
    if data.table.origin is not None:
        rows = rows[data.table.origin[rows] == ""]
    labels = data.table.label[rows]
    times = np.empty(len(rows), dtype=np.int64)  # number of earlier rows of the same class
    for label in np.unique(labels):
        times[labels == label] = np.arange((labels == label).sum())
    chosen: npt.NDArray[np.int64] = rows[np.lexsort((labels, times))][:_COLUMNS]
    return chosen[np.argsort(data.table.label[chosen], kind="stable")]


def draw_sheet(
    images: npt.NDArray[np.uint8], names: Sequence[tuple[str, str]], readings: Sequence[Reading], title: str
) -> Figure:
    """Draw one row per tensor below the images; all tiles of a row have the same scale, given in its caption.

    Args:
        images: (B, S, S, C).
        names: (true, predicted) class of each image.
        readings: each for B images.
        title: what was run.
    """
    headings = [f"{_short(true)}\n→ {_short(predicted_class)}" for true, predicted_class in names]
    captions = ["image"]
    for reading in readings:
        low, high = float(reading.values.min()), float(reading.values.max())
        scale = "" if reading.kind == "outline" else f" [{low:.3g}, {high:.3g}]"
        captions.append(f"{reading.name}: {reading.description}{scale}")
    foot = "Above: true class → predicted class. Brackets: the scale of the row, from its least to its largest value."
    figure, tiles = lay_out(len(captions), len(images), title, captions=captions, headings=headings, foot=foot)
    for axis, image in zip(tiles[0], images, strict=True):
        show_image(axis, image)
    for reading, line in zip(readings, tiles[1:], strict=True):
        for axis, image, values in zip(line, images, reading.values, strict=True):
            _draw_tile(axis, image, values, reading)
    return figure


def _draw_tile(axis: Axes, image: npt.NDArray[np.uint8], values: npt.NDArray[np.float64], reading: Reading) -> None:
    low, high = float(reading.values.min()), float(reading.values.max())
    if reading.kind == "bars":
        axis.stairs(values, fill=True, color=COLOURS[0])
        axis.set_xlim(0, len(values))
        axis.set_ylim(min(low, 0.0), max(high, 0.0) or 1.0)
    elif reading.kind == "outline":
        corners = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], [1, 1, 1, 1, 1]])
        axis.fill(corners[0], corners[1], color="0.8", linewidth=0)
        axis.plot(*(values @ corners), color=COLOURS[1], linewidth=1)
        axis.plot(*(values @ corners[:, :2]), color=COLOURS[0], linewidth=1.6)  # its upper edge
        reach = 1.15 * max(1.0, float(np.abs(reading.values @ corners).max()))
        axis.set_xlim(-reach, reach)
        axis.set_ylim(reach, -reach)  # downwards, as in an image
    elif reading.kind == "overlay":
        size = image.shape[0]
        show_image(axis, image)
        axis.imshow(
            values, cmap=_HEAT, vmin=low, vmax=high, alpha=0.55, interpolation="nearest",
            extent=(-0.5, size - 0.5, size - 0.5, -0.5),
        )  # fmt: skip
    else:
        if reading.values.ndim == 4 and high > low:  # matplotlib expects colours in [0, 1]
            values = (values - low) / (high - low)
        ramp = "gray" if reading.kind == "picture" else _HEAT
        axis.imshow(values, cmap=ramp, vmin=low, vmax=high, interpolation="nearest", aspect="auto")


def _short(name: str) -> str:
    return name if len(name) <= _NEAR else f"{name[: _NEAR - 1]}."
