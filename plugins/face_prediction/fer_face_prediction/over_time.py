"""Probabilities of the classes over the time of a video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from fer_plugins.analysis.figures.style import COLOURS, DASHES, make_figure, set_legend, set_title


def draw_over_time(
    times: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64], classes: Sequence[str], title: str
) -> Figure:
    """Draw a line for each class; where no face was found, the lines have a gap.

    Args:
        times: (N,) seconds.
        probabilities: (N, K), nan where a frame has no face.
        classes: K names in label order.
        title: what was filmed.
    """
    figure = make_figure(2.4)
    axis = figure.subplots()
    marker = "o" if len(times) < 3 else None  # a line of one point would be invisible
    for number, (name, values) in enumerate(zip(classes, probabilities.T, strict=True)):
        colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        axis.plot(times, values, color=colour, linestyle=dashes, marker=marker, markersize=3, label=name)
    axis.set_ylim(0, 1)
    axis.set_xlabel("time (s)")
    axis.set_ylabel("probability")
    set_legend(axis, ncols=4, handlelength=2)
    set_title(figure, title)
    return figure
