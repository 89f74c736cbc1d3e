"""The style and layout of all figures: one column wide, legible in print, colour-blind safe; and sheets of images."""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer_plugins.runtime.whole_file import whole_file

WIDTH = 3.5  # inches: one column of a two-column page
DPI = 300
SMALL = 6  # points; the smallest font size
_TITLE_LETTERS = 62  # letters per line
# Okabe and Ito 2008, without their yellow, which is too light for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (5, 1)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
)
RAMP = "Blues"  # one hue from light to dark, which also works in greyscale
_STYLE: Any = {  # matplotlib has its own type for each key
    "font.size": 7,
    "figure.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.1,
    "legend.frameon": False,
    "svg.fonttype": "none",  # keep text as text
    "svg.hashsalt": "fer-plugins",  # the same figure gives the same file
    "font.family": "DejaVu Sans",  # included in matplotlib
    "text.parse_math": False,  # the name of a class or folder may contain $
}


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Use the style of this package within the context; the user's own settings are restored afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def make_figure(height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return an empty figure, one column wide, ``height`` inches high; without a layout, axes are placed manually."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout)


def set_title(figure: Figure, *lines: str) -> None:
    """Set a title over the whole figure, wrapping its lines to fit the column."""
    figure.suptitle("\n".join(part for line in lines for part in textwrap.wrap(line, _TITLE_LETTERS)))


def set_legend(axis: Axes, **options: Any) -> None:
    """Place the legend above the axes, where it does not cover data."""
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, columnspacing=1.2, **options)


def write_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name.png`` (300 dots per inch) and ``name.svg`` into ``folder``, each atomically.

    Raises:
        RunError: a file cannot be written.
    """
    written = []
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        path = folder / f"{name}.{kind}"
        content = io.BytesIO()
        with drawing():
            figure.savefig(content, format=kind, dpi=DPI, metadata=metadata)
        with whole_file(path) as unfinished:
            folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(content.getvalue())
        written.append(path)
    return written


_EDGE, _GAP, _LINE = 0.06, 0.05, 0.105  # inches: margin, gap between tiles, line of the smallest text
_LETTERS = 72  # letters per line
Tiles = list[list[Axes]]


def lay_out(
    rows: int, columns: int, title: str, *, captions: Sequence[str] = (), headings: Sequence[str] = (), foot: str = ""
) -> tuple[Figure, Tiles]:
    """Return a figure with ``rows`` x ``columns`` empty axes without ticks.

    The tiles are placed manually, since a layout engine would move them apart for a caption that is wider than a tile.

    Args:
        rows: number of rows of tiles.
        columns: number of columns of tiles.
        title: title of the sheet.
        captions: text above each row, wrapped into lines; or none.
        headings: text above each column, all with the same number of lines; or none.
        foot: text below the sheet, wrapped into lines.
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
    """Show an image (S, S, C), resampled only if it has more pixels than the printed tile."""
    shrinks = image.shape[0] > axis.get_position().width * WIDTH * DPI
    axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased" if shrinks else "nearest")
