"""Figures of the other datasets that a run was tested on: confusion matrices and the rates of each class."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure

from fer_plugins.analysis.figures.classes import draw_confusion, draw_per_class


def draw_targets(targets: Mapping[str, Mapping[str, Any]], title: str) -> Iterator[tuple[str, Figure, str]]:
    """Yield name, figure and "" of every figure of the other datasets, as ``figures.recorded`` does of a run's own.

    Args:
        targets: name in ``data.targets`` -> its scores, as ``metrics.by_dataset.score_targets`` returns them.
        title: what was run.
    """
    taken: set[str] = set()
    for name, scores in targets.items():
        plain = re.sub(r"[^\w.+-]+", "_", name)  # a file's name
        plain += f"_{len(taken)}" if plain in taken else ""
        taken.add(plain)
        shown = f"{title}, tested on {name}, {scores['n']:,} images"
        yield f"target_{plain}_confusion_counts", draw_confusion(scores, shown, shares=False), ""
        yield f"target_{plain}_confusion_shares", draw_confusion(scores, shown, shares=True), ""
        yield f"target_{plain}_per_class", draw_per_class(scores, shown), ""
