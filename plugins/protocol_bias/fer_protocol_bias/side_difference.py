"""The difference of two sides' test scores: paired by image where both test the same images, else of two test sets.

Paired, an image counts by what both networks make of it, which gives a narrower interval than two test sets would.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from fer_plugins.metrics.confusion import Matrix
from fer_plugins.metrics.differences import accuracy_difference, macro_difference
from fer_plugins.metrics.paired import hit_difference, macro_f1_difference
from fer_plugins.runs.predictions_file import NamedPredictions
from fer_protocol_bias import differences

PAIRED, UNPAIRED = "paired by test image", "two test sets"


def compare_answers(
    flawed: NamedPredictions, sound: NamedPredictions, classes: int, copies: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the difference of accuracy and of macro F1, flawed less sound.

    Args:
        flawed: of the first side, N images.
        sound: of the second side, M images.
        classes: how many there are.
        copies: names of test images that have a copy in a training split; None: nobody has looked.

    Returns:
        ``comparison`` (PAIRED or UNPAIRED), ``tested_by_both`` (images), ``differences`` (``accuracy`` and ``f1``, as
        ``analysis.differences`` gives them), and ``by_copies``: "without a copy" and "with a copy" -> {"n",
        "differences"}, for those of the two that have images; None where nobody has looked or nothing is paired.
    """
    places = {source: row for row, source in enumerate(sound.sources)}
    shared = [source for source in flawed.sources if source in places]
    comparison: dict[str, Any] = {"comparison": UNPAIRED, "tested_by_both": len(shared), "by_copies": None}
    if not len(shared) == len(flawed.sources) == len(sound.sources):
        first, second = (_count(answers, classes) for answers in (flawed, sound))
        scores = {"accuracy": accuracy_difference(first, second), "f1": macro_difference("f1", first, second)}
        scores = {name: differences.with_verdict(difference) for name, difference in scores.items()}
        return comparison | {"differences": scores}
    predicted = sound.predicted[[places[source] for source in flawed.sources]]
    every = np.ones(len(predicted), dtype=bool)
    comparison |= {"comparison": PAIRED, "differences": _paired(flawed, predicted, every, classes)}
    if copies is not None:
        copied = np.array([source in copies for source in flawed.sources])
        comparison["by_copies"] = {
            name: {"n": int(rows.sum()), "differences": _paired(flawed, predicted, rows, classes)}
            for name, rows in (("without a copy", ~copied), ("with a copy", copied))
            if rows.any()
        }
    return comparison


def _count(answers: NamedPredictions, classes: int) -> Matrix:
    matrix: Matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (answers.true, answers.predicted), 1)
    return matrix


def _paired(flawed: NamedPredictions, sound: Any, rows: Any, classes: int) -> dict[str, Any]:
    """Compare predictions of the same images; ``sound`` (N,) are the other side's, ``rows`` (N,) those that count."""
    true, ours = flawed.true[rows], flawed.predicted[rows]
    theirs = sound[rows]
    correct, other_correct = ours == true, theirs == true
    only_flawed, only_sound = int((correct & ~other_correct).sum()), int((~correct & other_correct).sum())
    return {
        "accuracy": _fraction(hit_difference(only_sound, only_flawed, len(true))),
        "f1": _fraction(macro_f1_difference(true, theirs, ours, classes)),
    }


def _fraction(points: Mapping[str, Any]) -> dict[str, Any]:
    """Return a difference in points as ``analysis.differences`` gives it, in fractions."""
    difference = {"difference": points["points"] / 100, "low": points["low"] / 100, "high": points["high"] / 100}
    difference |= {"method": points["method"], "level": points["level"]}
    return differences.with_verdict(difference)
