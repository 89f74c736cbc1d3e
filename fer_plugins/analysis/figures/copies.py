"""The figure of copies: the scores of all images, of those without a copy in training, and of those with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fer_plugins.analysis.figures.style import COLOURS, SMALL, make_figure, set_legend, set_title
from fer_plugins.metrics.copies import copy_groups, find_too_few
from fer_plugins.metrics.table import SUMMARY

_LABELS = {"all": "all", "without_copies": "without a copy in training", "with_copies": "with one"}


def draw_copies(scores: Mapping[str, Any], title: str) -> Figure | None:
    """Draw accuracy, balanced accuracy and F1 of the three groups of images, with 95 % intervals.

    A score of too few images has no bar, just as it has no number in the tables.

    Returns:
        The figure, or None if no image has a copy in training.
    """
    groups = copy_groups(scores)
    if not groups:
        return None
    figure = make_figure(2.6)
    axis = figure.subplots()
    for number, (name, group) in enumerate({"all": scores, **groups}.items()):
        places = np.arange(len(SUMMARY)) + (number - 1) * 0.27
        label = f"{_LABELS[name]} ({group['n']:,})"
        too_few = find_too_few(scores, name)
        shares = [0.0 if metric in too_few else group[metric] for metric in SUMMARY]
        axis.barh(places, shares, height=0.25, color=COLOURS[(4, 2, 5)[number]], label=label)
        for place, metric in zip(places, SUMMARY, strict=True):
            if metric in too_few:
                axis.text(0.01, place, "too few images", va="center", fontsize=SMALL)
                continue
            interval = group["intervals"][metric]
            axis.plot([interval["low"], interval["high"]], [place, place], color="black", linewidth=0.7)
            axis.text(0.01, place, f"{group[metric]:.3f}", va="center", fontsize=SMALL)
    axis.set_yticks(range(len(SUMMARY)), list(SUMMARY.values()))
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("share (line: 95 % interval)")
    set_title(figure, title)
    set_legend(axis, ncols=1)
    return figure
