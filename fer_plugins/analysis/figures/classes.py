"""Figures of the classes: confusion matrix, per-class scores and class distribution, of a run and other datasets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fer_plugins.analysis.figures.style import COLOURS, RAMP, SMALL, WIDTH, make_figure, set_legend, set_title
from fer_plugins.metrics.table import CLASS_TABLE

_RATES = tuple((*rate, colour) for rate, colour in zip(CLASS_TABLE.items(), (4, 5, 2), strict=True))  # light colours
_MOST_WRITTEN = 11  # classes; in a larger matrix the numbers in the cells would overlap


def draw_confusion(scores: Mapping[str, Any], title: str, *, shares: bool) -> Figure:
    """Draw a confusion matrix with true classes as rows and predicted classes as columns.

    Args:
        scores: scores of one split, as returned by ``metrics.scores.score``.
        title: what was run.
        shares: draw percentages of each row (the row of an absent class stays empty) instead of counts.
    """
    classes = scores["classes"]
    counts = np.asarray(scores["confusion_matrix"], dtype=float)
    support = counts.sum(1, keepdims=True)
    values = 100 * counts / np.where(support, support, np.nan) if shares else counts
    figure = make_figure(WIDTH * 0.86)
    axis = figure.subplots()
    top = 100.0 if shares else max(float(counts.max()), 1.0)
    picture = axis.imshow(values, cmap=RAMP, vmin=0, vmax=top)
    axis.set_facecolor("0.85")  # visible in cells without a value
    places = range(len(classes))
    axis.set_xticks(places, classes, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(places, classes)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    set_title(figure, title)
    bar = figure.colorbar(picture, ax=axis, shrink=0.8, label="share of the true class (%)" if shares else "images")
    bar.outline.set_visible(False)
    if len(classes) <= _MOST_WRITTEN:
        for row, column in np.ndindex(values.shape):
            value = values[row, column]
            text = "-" if np.isnan(value) else f"{value:.1f}" if shares and value else f"{value:,.0f}"
            axis.text(column, row, text, ha="center", va="center", color=_ink(picture.to_rgba(value)), fontsize=SMALL)
    return figure


def _ink(cell: Any) -> str:
    """Return black or white, whichever has more contrast to a colour: at least 4.5 to 1 (WCAG 2.2, contrast ratio).

    Args:
        cell: red, green and blue (sRGB, 0 to 1); further values are ignored.
    """
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in cell[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def draw_per_class(scores: Mapping[str, Any], title: str) -> Figure:
    """Draw precision, recall and F1 of each class, with the 95 % intervals that the run recorded."""
    classes = scores["classes"]
    figure = make_figure(0.9 + 0.36 * len(classes))
    axis = figure.subplots()
    ranges = scores.get("intervals", {}).get("per_class", {})
    for number, (rate, label, colour) in enumerate(_RATES):
        heights = [scores["per_class"][name][rate] for name in classes]
        places = np.arange(len(classes)) + (number - 1) * 0.27
        lengths = [0.0 if height is None else height for height in heights]
        axis.barh(places, lengths, height=0.25, color=COLOURS[colour], label=label, edgecolor="white", linewidth=0.3)
        for place, name, height in zip(places, classes, heights, strict=True):
            interval = ranges.get(name, {}).get(rate)
            if interval and height is not None:
                axis.plot([interval["low"], interval["high"]], [place, place], color="black", linewidth=0.7)
    names = [f"{name} ({scores['per_class'][name]['support']:,})" for name in classes]
    axis.set_yticks(range(len(classes)), names)
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("share (line: 95 % interval)")
    axis.set_ylabel("class (images)")
    set_title(figure, title)
    set_legend(axis, ncols=len(_RATES))
    return figure


def draw_distribution(series: Mapping[str, Mapping[str, int]], title: str) -> Figure:
    """Draw the number of images of each class, for the splits of a fold or before and after balancing.

    Args:
        series: name, such as "training, before" -> {class: images}; one to three, all with the same classes.
        title: what was run.
    """
    classes = list(next(iter(series.values())))
    figure = make_figure(0.9 + 0.13 * len(classes) * (len(series) + 0.6))
    axis = figure.subplots()
    most = max(max(counts.values()) for counts in series.values()) or 1
    for number, ((name, counts), colour) in enumerate(zip(series.items(), (4, 5, 2), strict=False)):
        places = np.arange(len(classes)) * (len(series) + 0.6) + number
        heights = [counts[class_name] for class_name in classes]
        axis.barh(places, heights, height=0.9, color=COLOURS[colour], label=f"{name}: {sum(heights):,}")
        for place, height in zip(places, heights, strict=True):
            axis.text(height + 0.015 * most, place, f"{height:,}", va="center", fontsize=SMALL)
    axis.set_yticks(np.arange(len(classes)) * (len(series) + 0.6) + (len(series) - 1) / 2, classes)
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.14 * most)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_xlabel("images")
    axis.set_ylabel("class")
    set_title(figure, title)
    set_legend(axis)
    return figure


def draw_targets(targets: Mapping[str, Mapping[str, Any]], title: str) -> Iterator[tuple[str, Figure, str]]:
    """Yield name, figure and "" for every figure of the other datasets, like ``figures.recorded`` for a run's own."""
    file_names: set[str] = set()
    for name, scores in targets.items():
        file_name = re.sub(r"[^\w.+-]+", "_", name)  # only characters that are safe in file names
        file_name += f"_{len(file_names)}" if file_name in file_names else ""
        file_names.add(file_name)
        heading = f"{title}, tested on {name}, {scores['n']:,} images"
        yield f"target_{file_name}_confusion_counts", draw_confusion(scores, heading, shares=False), ""
        yield f"target_{file_name}_confusion_shares", draw_confusion(scores, heading, shares=True), ""
        yield f"target_{file_name}_per_class", draw_per_class(scores, heading), ""
