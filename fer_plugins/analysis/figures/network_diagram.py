"""Draws the blocks of a network from top to bottom, one column wide, with branches next to each other."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from fer_plugins.analysis.figures.network_blocks import Block
from fer_plugins.analysis.figures.style import COLOURS, SMALL, WIDTH, drawing, make_figure, set_title

_LETTER, _LINE, _GAP, _EDGE = 0.049, 0.105, 0.15, 0.06  # inches: letter, line, gap between ranks, margin
_PASS = 0.1  # inches: width reserved for an arrow that passes a rank
_COLOURS = {"Conv": COLOURS[0], "Pool": COLOURS[5], "Linear": COLOURS[3], "LSTM": COLOURS[2], "GRU": COLOURS[2]}


@dataclass
class _Place:
    """The position of a block, or of an arrow that passes a rank, in inches from the left and from the top."""

    rank: int
    lines: list[str]
    x: float = 0.0
    y: float = 0.0
    width: float = _PASS
    height: float = 0.0


def draw_diagram(blocks: Sequence[Block], input_shape: Sequence[int], title: str) -> Figure:
    """Draw the blocks of `network_blocks.trace_blocks`, with the image at the top."""
    image = Block("", "image", ["image"], tuple(input_shape))
    nodes = [image, *blocks]
    sources = [[], *([source + 1 for source in block.inputs] for block in blocks)]
    ranks: list[int] = []
    for inputs in sources:
        ranks.append(max((ranks[source] + 1 for source in inputs), default=0))
    rows: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
    places = [_Place(rank, []) for rank in ranks]
    for number, rank in enumerate(ranks):
        rows[rank].append(number)
    paths: list[list[int]] = []  # the places that each arrow goes through
    for target, inputs in enumerate(sources):
        for source in inputs:
            path = [source]
            for rank in range(ranks[source] + 1, ranks[target]):
                places.append(_Place(rank, []))
                rows[rank].append(len(places) - 1)
                path.append(len(places) - 1)
            paths.append([*path, target])
    _order(rows, paths)
    height = _place(rows, places, nodes)
    with drawing():
        figure = make_figure(1, layout=None)
        set_title(figure, title)
        head = 0.1 + 0.125 * (figure.get_suptitle().count("\n") + 1)
        figure.set_figheight(head + height)
        figure.suptitle(figure.get_suptitle(), y=1 - 0.04 / (head + height), va="top")
        axis = figure.add_axes((0, 0, 1, height / (head + height)))
        axis.set_axis_off()
        axis.set_xlim(0, WIDTH)
        axis.set_ylim(height, 0)
        for path in paths:
            _draw_arrow(axis, [places[number] for number in path])
        for place, block in zip(places, nodes, strict=False):
            colour = next((value for word, value in _COLOURS.items() if word in block.kind), "0.5")
            corner = (place.x - place.width / 2, place.y)
            box = FancyBboxPatch(
                corner, place.width, place.height, boxstyle="round,pad=0,rounding_size=0.04",
                facecolor=(colour, 0.14), edgecolor=colour, linewidth=0.6,
            )  # fmt: skip
            axis.add_patch(box)
            for number, line in enumerate(place.lines):
                y = place.y + 0.035 + (number + 0.5) * _LINE
                axis.text(place.x, y, line, ha="center", va="center", fontsize=SMALL)
    return figure


def _order(rows: list[list[int]], paths: Sequence[Sequence[int]]) -> None:
    """Order each rank so that connected blocks are close: sweeps down and up that sort by the neighbours' positions."""
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for path in paths:
        for source, target in itertools.pairwise(path):
            before.setdefault(target, []).append(source)
            after.setdefault(source, []).append(target)
    for sweep in range(8):
        neighbours, order = (before, rows) if sweep % 2 == 0 else (after, rows[::-1])
        position = {number: (place + 0.5) / len(row) for row in rows for place, number in enumerate(row)}
        for row in order:
            middle = {
                number: float(np.mean([position[near] for near in neighbours.get(number, [number])])) for number in row
            }
            row.sort(key=lambda number: middle[number])  # the new order is used for the next row
            position.update({number: (place + 0.5) / len(row) for place, number in enumerate(row)})


def _place(rows: Sequence[Sequence[int]], places: Sequence[_Place], nodes: Sequence[Block]) -> float:
    """Set the height of each rank and the positions of its places; return the total height in inches."""
    top = 0.02
    for row in rows:
        boxes = [number for number in row if number < len(nodes)]
        free = WIDTH - 2 * _EDGE - _PASS * (len(row) - len(boxes)) - 0.06 * (len(row) - 1)
        width = min(free / max(len(boxes), 1), 2.6)
        for number in boxes:
            places[number].lines = _write(nodes[number], int((width - 0.08) / _LETTER))
            places[number].width = width
            places[number].height = 0.07 + _LINE * len(places[number].lines)
        tallest = max(places[number].height for number in row) if boxes else 0.0
        used = sum(places[number].width for number in row) + 0.06 * (len(row) - 1)
        left = (WIDTH - used) / 2
        for number in row:
            place = places[number]
            place.x, place.y = left + place.width / 2, top
            place.height = place.height or tallest
            left += place.width + 0.06
        top += tallest + _GAP
    return top - _GAP + _EDGE


def _write(block: Block, letters: int) -> list[str]:
    """Return the lines of a box, each at most ``letters`` long: name, layers, size and number of parameters."""
    size = "x".join(map(str, block.shape))
    numbers = f"{size}, {block.parameters:,} parameters" if block.parameters else size
    details = list(dict.fromkeys(block.details))
    text = " + ".join(details)
    lines = [*textwrap.wrap(block.name, letters), *textwrap.wrap(text, letters), *textwrap.wrap(numbers, letters)]
    return lines or [block.kind]


def _draw_arrow(axis: Axes, path: Sequence[_Place]) -> None:
    points = [(path[0].x, path[0].y + path[0].height)]
    for place in path[1:-1]:
        points += [(place.x, place.y), (place.x, place.y + place.height)]
    end = (path[-1].x, path[-1].y)
    axis.plot(*zip(*points, strict=True), color="0.45", linewidth=0.7, zorder=0)
    shape = "-|>,head_width=0.12,head_length=0.25"
    arrow = {"arrowstyle": shape, "color": "0.45", "lw": 0.7, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, points[-1], zorder=0, arrowprops=arrow)
