"""A bar chart of the parameters in each part of a network."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fer_plugins.analysis.figures.style import COLOURS, SMALL, drawing, make_figure, set_title
from fer_plugins.analysis.layer_table import Layer

MOST = 24  # maximum number of bars


def draw_parameters(layers: Sequence[Layer], title: str) -> Figure:
    """Draw a bar for each layer that has parameters, with their number and their fraction of the total.

    If there are more than ``MOST`` layers, layers with the same beginning of their dotted names share a bar.
    """
    counts = _by_name(layers)
    total = max(sum(counts.values()), 1)
    with drawing():
        figure = make_figure(0.5 + 0.16 * len(counts))
        axis = figure.subplots()
        axis.barh(list(counts), list(counts.values()), color=COLOURS[0], height=0.75)
        most = max(counts.values(), default=1)
        for place, count in enumerate(counts.values()):
            axis.text(count + 0.01 * most, place, f"{count:,} ({count / total:.1%})", va="center", fontsize=SMALL)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.35 * most)
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.set_xlabel("parameters")
        axis.tick_params(axis="y", length=0)
        set_title(figure, f"{title}: {total:,} parameters")
    return figure


def _by_name(layers: Sequence[Layer]) -> dict[str, int]:
    learning = [layer for layer in layers if layer.parameters]
    deepest = max((layer.name.count(".") + 1 for layer in learning), default=1)
    counts: dict[str, int] = {}
    for depth in range(deepest, 0, -1):
        counts = {}
        for layer in learning:
            name = ".".join(layer.name.split(".")[:depth])
            counts[name] = counts.get(name, 0) + layer.parameters
        if len(counts) <= MOST:
            break
    return counts
