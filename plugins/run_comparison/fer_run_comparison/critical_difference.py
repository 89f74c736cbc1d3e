"""The critical-difference diagram of Demsar (2006): mean ranks, with bars over indistinguishable models."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from fer_plugins.analysis.figures.style import SMALL, WIDTH, make_figure, set_title

_LABEL, _LINE, _BAR = 22, 0.11, 0.1  # characters of a label's line; inches of a text line, and between two bars
_AXIS, _TOP = (1.15, WIDTH - 1.15), 0.78  # inches: ends of the axis in x, its distance from the top


def draw_critical_difference(tests: Mapping[str, Any], title: str) -> Figure:
    """Draw mean ranks, best at the left; models under a bar are not distinguishable by Nemenyi's test.

    Args:
        tests: result of ``rank_over_blocks`` for one score.
        title: title of the diagram.
    """
    result, count = tests["friedman"], len(tests["models"])
    ranks = np.array(result["mean_ranks"])
    order = np.argsort(ranks, kind="stable")
    lines = [textwrap.wrap(tests["models"][place], _LABEL) for place in order]
    left, right = order[: (count + 1) // 2], order[(count + 1) // 2 :][::-1]  # the innermost label is the lowest
    spans = _bars(result["groups"], ranks)
    below = _TOP + _BAR * (len(spans) + 1) + 0.05
    heights = {place: (len(text) + 0.4) * _LINE for place, text in zip(order, lines, strict=True)}
    height = below + max(sum(heights[place] for place in side) for side in (left, right)) + 0.1
    figure = make_figure(height, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, 0)  # inches from the top
    axes.axis("off")

    def across(rank: float) -> float:
        return float(_AXIS[0] + (rank - 1) / (count - 1) * (_AXIS[1] - _AXIS[0]))

    axes.plot(_AXIS, [_TOP, _TOP], color="black", linewidth=0.8)
    for rank in range(1, count + 1):
        axes.plot([across(rank)] * 2, [_TOP - 0.05, _TOP], color="black", linewidth=0.8)
        axes.text(across(rank), _TOP - 0.07, str(rank), ha="center", va="bottom", fontsize=SMALL)
    distance = min(result["critical_difference"], count - 1.0)
    ruler = _TOP - 0.26
    axes.plot([across(1), across(1 + distance)], [ruler, ruler], color="black", linewidth=0.8)
    for end in (1, 1 + distance):
        axes.plot([across(end)] * 2, [ruler - 0.03, ruler + 0.03], color="black", linewidth=0.8)
    beyond = "" if result["critical_difference"] <= count - 1 else ": more than the axis, no pair can be told apart"
    axes.text(_AXIS[0], ruler - 0.05, f"CD {result['critical_difference']:.2f}{beyond}", va="bottom", fontsize=SMALL)
    for number, (low, high) in enumerate(spans, 1):
        place = _TOP + number * _BAR
        axes.plot([across(low) - 0.03, across(high) + 0.03], [place, place], color="#0072B2", linewidth=2.4)
    texts = dict(zip(order, lines, strict=True))
    for side, edge, align in ((left, _AXIS[0] - 0.1, "right"), (right, _AXIS[1] + 0.1, "left")):
        place = below
        for model in side:
            middle = place + heights[model] / 2
            x = across(ranks[model])
            axes.plot([x, x, edge], [_TOP, middle, middle], color="black", linewidth=0.5)
            written = "\n".join(texts[model])
            axes.text(
                edge + (-0.03 if align == "right" else 0.03), middle, written, ha=align, va="center", fontsize=SMALL
            )
            place += heights[model]
    set_title(figure, title)
    figure.suptitle(figure.get_suptitle(), y=1 - 0.04 / height, va="top")
    return figure


def _bars(groups: list[str], ranks: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the first and last mean rank of each group of at least two models."""
    letters = sorted(set("".join(groups)))
    members = [[rank for rank, own in zip(ranks, groups, strict=True) if letter in own] for letter in letters]
    return [(min(of_group), max(of_group)) for of_group in members if len(of_group) > 1]
