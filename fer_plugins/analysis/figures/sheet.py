"""A sheet of small square pictures, one column wide: rows of tiles with captions, placed by hand, in inches."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer_plugins.analysis.figures.style import DPI, SMALL, WIDTH, make_figure, set_title

_EDGE, _GAP, _LINE = 0.06, 0.05, 0.105  # inches: margin, between tiles, a line of the smallest text
_LETTERS = 72  # a line
Tiles = list[list[Axes]]


def lay_out(
    rows: int, columns: int, title: str, *, captions: Sequence[str] = (), headings: Sequence[str] = (), foot: str = ""
) -> tuple[Figure, Tiles]:
    """Return a figure with ``rows`` x ``columns`` empty axes without ticks.

    The tiles are placed by hand, since a layout engine would move them apart for a caption wider than a tile.

    Args:
        rows: of tiles.
        columns: of tiles.
        title: over the sheet.
        captions: what stands above each row, broken into lines; or none.
        headings: what stands above each column, all of as many lines; or none.
        foot: what stands below the sheet; broken into lines.
    """
    side = (WIDTH - 2 * _EDGE - (columns - 1) * _GAP) / columns
    foot_lines = textwrap.wrap(foot, _LETTERS)
    above = max((heading.count("\n") + 1 for heading in headings), default=0) * _LINE
    wrapped = [textwrap.wrap(caption, _LETTERS) for caption in captions] or [[]] * rows
    figure = make_figure(1, layout=None)
    set_title(figure, title)
    head = 0.08 + 0.125 * (figure.get_suptitle().count("\n") + 1)
    low = _EDGE + (_LINE * len(foot_lines) + 0.04 if foot_lines else 0.0)
    height = head + above + sum(_LINE * len(lines) + 0.01 * bool(lines) + _GAP + side for lines in wrapped) + low
    figure.set_figheight(height)
    figure.suptitle(figure.get_suptitle(), y=1 - 0.04 / height, va="top")
    left = [_EDGE + column * (side + _GAP) for column in range(columns)]

    def write(x: float, y: float, text: str, **options: Any) -> None:  # inches from the lower left
        figure.text(x / WIDTH, y / height, text, fontsize=SMALL, **options)

    top = height - head
    for x, heading in zip(left, headings, strict=False):
        for number, line in enumerate(heading.split("\n"), 1):
            write(x + side / 2, top - number * _LINE + 0.03, line, ha="center")
    top -= above
    tiles: Tiles = []
    for lines in wrapped:
        for number, line in enumerate(lines, 1):
            write(_EDGE, top - number * _LINE + 0.03, line)
        top -= _LINE * len(lines) + 0.01 * bool(lines) + side
        tiles.append([figure.add_axes((x / WIDTH, top / height, side / WIDTH, side / height)) for x in left])
        top -= _GAP
    for number, line in enumerate(reversed(foot_lines)):
        write(_EDGE, _EDGE + number * _LINE, line)
    for axis in (axis for line in tiles for axis in line):
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(True)
        axis.spines[:].set(linewidth=0.4, color="0.6")
    return figure, tiles


def show_image(axis: Axes, image: npt.NDArray[np.uint8]) -> None:
    """Show an image (S, S, C): its pixels as they are where they are fewer than the printer's, else their mean."""
    shrinks = image.shape[0] > axis.get_position().width * WIDTH * DPI
    axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased" if shrinks else "nearest")
