"""Compares max pooling with another pooling on a signal and an image, before and after a shift by one sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import nn

from fer_plugins.analysis.figures.style import COLOURS, drawing, make_figure, set_title
from fer_plugins.pooling import max_pool

Pooling = Callable[[int, int], nn.Module]
SIGNAL = (0, 0, 1, 1) * 4  # pairs are aligned with windows of two, and split by them after a shift of one
WINDOW = STEP = 2


def draw_pooling_shift(pool: Pooling, name: str, image: npt.NDArray[np.uint8]) -> tuple[Figure, dict[str, float]]:
    """Draw the outputs of 2x2 max pooling with stride 2 and of another pooling, before and after a shift by one sample.

    The inputs are a signal and an image. The signal continues at both ends (the middle of a longer one is shown). The
    image is shifted to the right, and its first column is repeated.

    Args:
        pool: factory of the other pooling, called as ``pool(2, 2)``.
        name: name of the other pooling.
        image: (S, S) grey levels, with S even.

    Returns:
        The figure; and name -> mean absolute difference between the two outputs for the image, in grey levels.
    """
    poolings = {"max": max_pool(WINDOW, STEP), name: pool(WINDOW, STEP)}
    moved = np.concatenate([image[:, :1], image[:, :-1]], axis=1)
    differences = {}
    with drawing(), torch.no_grad():
        figure = make_figure(4.9)
        above, below = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.25)))
        _draw_signals(above, poolings)
        tiles = below.subplots(2, 3, squeeze=False)
        for line, (label, pooling) in zip(tiles, poolings.items(), strict=True):
            outputs = [_pool(pooling, picture[None].astype(float))[0] for picture in (image, moved)]
            gap = np.abs(outputs[0] - outputs[1])
            differences[label] = float(gap.mean())
            captions = (label.partition(" (")[0], "moved by 1 pixel", f"difference, mean {gap.mean():.1f}")
            for axis, shown, caption in zip(line, (*outputs, gap), captions, strict=True):
                high = 255 if shown is not gap else 128
                axis.imshow(shown, cmap="gray" if shown is not gap else "viridis", vmin=0, vmax=high)
                axis.set_title(caption, fontsize=6.5)
                axis.set_xticks([])
                axis.set_yticks([])
        set_title(figure, f"max 2x2, step 2, and {name} in its place; differences in grey levels, to 128")
    return figure, differences


def _draw_signals(figure: SubFigure, poolings: dict[str, nn.Module]) -> None:
    axes = figure.subplots(1 + len(poolings), 2, sharey=True, squeeze=False)
    long = np.array(SIGNAL * 5, dtype=float)
    middle = slice(2 * len(SIGNAL), 3 * len(SIGNAL))
    pooled = slice(middle.start // STEP, middle.stop // STEP)
    for column, title in enumerate(("a signal", "moved by 1")):
        signal = np.roll(long, column)
        _draw_stems(axes[0][column], signal[middle], COLOURS[6], title)
        for axis, (label, pooling), colour in zip(axes[1:, column], poolings.items(), COLOURS, strict=False):
            rows = np.repeat(signal[None, None], 16, axis=1)  # a map that only varies from left to right
            _draw_stems(axis, _pool(pooling, rows)[0, 3][pooled], colour, label)


def _draw_stems(axis: Axes, values: Sequence[float] | npt.NDArray[np.float64], colour: str, title: str) -> None:
    axis.vlines(np.arange(len(values)), 0, values, color=colour, linewidth=1.4)
    axis.plot(values, "o", color=colour, markersize=2.5)
    axis.axhline(0, color="0.6", linewidth=0.5)
    axis.set_ylim(-0.1, 1.25)
    axis.set_xticks([])
    axis.set_yticks([0, 1])
    axis.set_title(title, fontsize=6.5, pad=2)


def _pool(pooling: nn.Module, maps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    pooled: npt.NDArray[np.float64] = pooling(torch.from_numpy(maps)[None])[0].numpy()
    return pooled
