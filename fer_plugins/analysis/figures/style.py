"""How every figure looks, and how it is written: one column wide, legible in print, safe for the colour-blind."""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer_plugins.runtime.whole_file import whole_file

WIDTH = 3.5  # inches: one column of a two-column page
DPI = 300
SMALL = 6  # points; no word is smaller
_TITLE_LETTERS = 62  # a line
# Okabe and Ito 2008; without their yellow, which is too light for a line on white.
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
RAMP = "Blues"  # one hue, from light to dark: reads in grey as well
_STYLE: Any = {  # matplotlib types each key by itself
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
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "fer-plugins",  # the same figure is the same file
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "text.parse_math": False,  # a class or a folder may be called $x$
}


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Set the style for what is drawn inside; the user's own settings are back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def make_figure(height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return an empty figure, one column wide, ``height`` inches high; without a layout, axes stay where they are."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout)


def set_title(figure: Figure, *lines: str) -> None:
    """Write a title over the whole figure, its lines broken so that they fit the column."""
    figure.suptitle("\n".join(part for line in lines for part in textwrap.wrap(line, _TITLE_LETTERS)))


def set_legend(axis: Axes, **options: Any) -> None:
    """Put the legend above the axes, where it covers no data."""
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, columnspacing=1.2, **options)


def write_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name.png`` (300 dots an inch) and ``name.svg`` into ``folder``, each whole or not at all.

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
