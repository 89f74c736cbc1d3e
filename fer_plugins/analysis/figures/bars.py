"""Bars of several models on several datasets, with intervals and the papers' claims."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from fer_plugins.analysis.claims.claims_beside import CLAIMED
from fer_plugins.analysis.columns import GAP, Column
from fer_plugins.analysis.figures.style import COLOURS, SMALL, WIDTH, make_figure, set_title
from fer_plugins.analysis.quoted_claims import QUOTED
from fer_plugins.analysis.seed_spread import range_of
from fer_plugins.runtime.notices import code_of

_LEFT, _RIGHT, _MEASURED, _CLAIMED, _EDGE = 1.2, 2.38, 2.44, 2.93, 0.06  # inches: start or end of the columns
_LINE, _GAP, _BAR = 0.105, 0.06, 0.11  # inches: line of the smallest text, gap between bars, height of a bar
_LABEL_LETTERS, _FOOT_LETTERS = 22, 74  # letters per line
_CLAIM_LETTERS = 10  # for the claims next to a bar
_RAISED = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹˒")
_DIAMOND: dict[str, Any] = {
    "color": "black", "marker": "D", "markersize": 3.2, "markerfacecolor": "white", "markeredgewidth": 0.7,
    "linewidth": 0,
}  # fmt: skip


def draw_bars(rows: Sequence[Mapping[str, Any]], column: Column) -> Figure:
    """Draw a bar for each model on each dataset; the rows of one dataset, protocol and split are grouped.

    A model that was trained once has the interval over test samples, one with several seeds the mean and the t interval
    over trainings, and its label says so. The paper's claim is a diamond instead of a bar. The columns are placed
    manually, in inches, since labels of several lines need rows of different heights.

    Args:
        rows: as returned by ``table_rows``, at least one; quoted ones only have a diamond.
        column: the column of the rows to draw.
    """
    score = column.key
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        heading = ", ".join(row[key] for key in ("dataset", "protocol", "part") if row[key] != "-")
        groups.setdefault(heading, []).append(row)
    models = list(dict.fromkeys(row["model"] for row in rows))
    notes = list(dict.fromkeys(note for row in rows for note in _notes(row, score)))
    foot = [line for n, note in enumerate(notes, 1) for line in textwrap.wrap(f"{n}: {note}", _FOOT_LETTERS)]
    foot = ["line: 95 % interval; diamond: claimed in the paper, under its conditions", *foot]
    labels = {id(row): _label(row, [notes.index(note) + 1 for note in _notes(row, score)]) for row in rows}
    needed = sum(max(_BAR, label.count("\n") * _LINE + _LINE) + _GAP for label in labels.values())
    tall = needed + len(groups) * (_LINE + 2 * _GAP)
    low = 0.42 + _LINE * len(foot)
    figure = make_figure(low + tall + 0.42, layout=None)
    height = figure.get_figheight()
    axis = figure.add_axes((_LEFT / WIDTH, low / height, (_RIGHT - _LEFT) / WIDTH, tall / height))
    least, most = _limits(rows, column)
    axis.set_xlim(least, most)
    axis.set_ylim(tall, 0)  # inches from the top
    across = axis.get_yaxis_transform()
    for x, text, side in (
        (_LEFT - 0.05, "model", "right"),
        (_MEASURED, "measured", "left"),
        (_CLAIMED, "claimed", "left"),
    ):
        axis.text(_share(x), -0.04, text, transform=across, ha=side, va="bottom", fontsize=SMALL)
    place = 0.0
    for heading, group in groups.items():
        place += _LINE / 2 + _GAP
        axis.text(
            _share(_EDGE), place, _head(heading, group), transform=across, va="center", weight="bold", fontsize=SMALL
        )
        place += _LINE / 2 + _GAP
        top = place
        for row in group:
            half = (max(_BAR, labels[id(row)].count("\n") * _LINE + _LINE) + _GAP) / 2
            place += half
            colour = COLOURS[models.index(row["model"]) % 6]  # without black, on which an interval would not be visible
            axis.text(
                _share(_LEFT - 0.05), place, labels[id(row)], transform=across, ha="right", va="center", fontsize=SMALL
            )
            _draw_row(axis, row, column, place, colour, across)
            place += half
        axis.plot([0, 0], [top, place], color="black", linewidth=0.6)
    axis.spines.left.set_visible(False)
    axis.set_yticks([])
    if (least, most) == (0, 1):
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    else:
        axis.xaxis.set_major_locator(MaxNLocator(2))
    unit = "share" if (least, most) == (0, 1) else column.unit
    written = f"{column.title} (share)" if unit == "share" else column.title
    axis.set_xlabel(written if len(written) <= _LABEL_LETTERS else unit)  # the title has the full text
    datasets = {row["dataset"] for row in rows}
    set_title(figure, f"{column.title}: {_count(models, 'model')}, {_count(datasets, 'dataset')}")
    figure.suptitle(figure.get_suptitle(), y=1 - 0.05 / height, va="top")
    figure.text(_EDGE / WIDTH, 0.05 / height, "\n".join(foot), va="bottom", fontsize=SMALL, linespacing=1.15)
    return figure


def _limits(rows: Sequence[Mapping[str, Any]], column: Column) -> tuple[float, float]:
    """Return the limits of the axis: 0 and 1 for a fraction, otherwise the range of values, intervals and claims."""
    if column.score and column.split != GAP and range_of(column.score) == (0, 1):
        return 0, 1
    values = [0.0]
    for row in rows:
        cell = row[column.key]
        values += [float(cell[key]) for key in ("value", "low", "high") if cell[key] is not None]
        values += [float(printed) for printed, _ in cell["claimed"]]
    return 1.05 * min(values), 1.05 * max(values) or 1.0


def _share(inches: float) -> float:
    """Convert a horizontal position in the figure, in inches, to a fraction of the axes' width."""
    return (inches - _LEFT) / (_RIGHT - _LEFT)


def _count(things: Any, name: str) -> str:
    return f"{len(things)} {name}{'s' if len(things) > 1 else ''}"


def _notes(row: Mapping[str, Any], score: str) -> list[str]:
    """Return the remarks to show in the figure, without those on claims, which are printed separately."""
    shown = row[score]["value"] is not None or row["images"] == QUOTED
    return [note for note in row["remarks"] if shown and code_of(note) != CLAIMED]


def _head(heading: str, group: Sequence[Mapping[str, Any]]) -> str:
    sizes = sorted({row["n"] for row in group if row["n"] is not None})
    return f"{heading}, {' or '.join(f'{size:,}' for size in sizes)} images" if sizes else heading


def _label(row: Mapping[str, Any], marks: Sequence[int]) -> str:
    lines = textwrap.wrap(row["model"], _LABEL_LETTERS)
    if len(row["seeds"]) > 1:
        lines.append(f"mean of {len(row['seeds'])} seeds")
    return "\n".join(lines) + ",".join(map(str, marks)).translate(_RAISED)


def _draw_row(axis: Axes, row: Mapping[str, Any], column: Column, place: float, colour: str, across: Transform) -> None:
    cell = row[column.key]
    if cell["value"] is None:
        text = "quoted" if row["images"] == QUOTED else "not a result" if cell["interval"] == "no result" else "none"
        axis.text(_share(_LEFT + 0.03), place, text, transform=across, va="center", fontsize=SMALL)
    else:
        axis.barh(place, cell["value"], height=_BAR, color=colour)
        axis.plot([cell["low"], cell["high"]], [place, place], color="black", linewidth=0.9)
        text = f"{cell['value']:.3f}" if column.score else _short(cell["value"])
        axis.text(_share(_MEASURED), place, text, transform=across, va="center", fontsize=SMALL)
    claims = list(dict.fromkeys(str(printed) for printed, _ in cell["claimed"]))
    axis.plot([float(printed) for printed in claims], [place] * len(claims), clip_on=False, **_DIAMOND)
    shown = 2 if sum(map(len, claims[:2])) <= _CLAIM_LETTERS else 1
    written = ", ".join(claims[:shown]) + (" ..." if len(claims) > shown else "")
    axis.text(_share(_CLAIMED), place, written, transform=across, va="center", fontsize=SMALL)


def _short(value: float) -> str:
    """Format a number to be as narrow as a fraction.

    >>> _short(168971), _short(30), _short(0.00034)
    ('169k', '30', '0.00034')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{value:.3g}"
