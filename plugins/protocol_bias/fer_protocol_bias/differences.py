"""Score differences of two protocols with intervals: over test images, or over trainings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from fer_plugins.analysis.seed_spread import welch
from fer_plugins.metrics.confusion import Matrix
from fer_plugins.metrics.differences import Difference, accuracy_difference, as_difference, macro_difference
from fer_plugins.metrics.paired import hit_difference, macro_f1_difference
from fer_plugins.runs.predictions_file import NamedPredictions


def means(flawed: Sequence[float], sound: Sequence[float]) -> Difference:
    """Return the mean of ``flawed`` minus that of ``sound``, with Welch's t interval (1947); one score per training.

    The interval is for the difference over infinitely many trainings on the same images. It is None (``method`` gives
    the reason: "none: too few", "none: no spread") for two trainings per side, and if all scores of a side are equal.
    Raises ValueError for fewer than two scores on a side.
    """
    if min(len(flawed), len(sound)) < 2:
        raise ValueError("an interval over seeds needs at least two on each side")
    sides = {
        name: {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)), "seeds": len(values)}
        for name, values in (("flawed", flawed), ("sound", sound))
    }
    difference = float(np.mean(flawed) - np.mean(sound))
    tested = welch(sound, flawed, (-1.0, 1.0))  # scores are fractions
    method = f"none: {tested['why']}" if tested["why"] else "Welch t"
    return with_verdict(as_difference(difference, tested["low"], tested["high"], method)) | sides


def verdict(difference: Difference) -> str:
    """Return whether the flawed protocol (the first of the two) scores higher.

    >>> verdict({"difference": 0.1, "low": 0.02, "high": 0.18})
    'inflated'
    >>> verdict({"difference": 0.1, "low": -0.02, "high": 0.22})
    'not distinguishable'
    >>> verdict({"difference": -0.1, "low": -0.18, "high": -0.02})
    'lower, not inflated'
    """
    if difference["low"] is None:
        return "no interval"
    if difference["low"] <= 0 <= difference["high"]:
        return "not distinguishable"
    return "inflated" if difference["low"] > 0 else "lower, not inflated"


def with_verdict(difference: Difference) -> Difference:
    """Return a difference with its verdict."""
    return difference | {"verdict": verdict(difference)}


PAIRED, UNPAIRED = "paired by test image", "two test sets"


def compare_predictions(
    flawed: NamedPredictions, sound: NamedPredictions, classes: int, copies: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the difference of accuracy and of macro F1, flawed minus sound, for ``classes`` classes.

    ``copies`` names the test images that have a copy in a training split; None: not searched.

    Returns:
        ``comparison`` (PAIRED or UNPAIRED), ``tested_by_both`` (images), ``differences`` (``accuracy`` and ``f1``, as
        in ``metrics.differences``), and ``by_copies``: "without a copy", "with a copy" -> {"n", "differences"}, for
        those of the two that have images; None if not searched, or nothing is paired.
    """
    places = {source: row for row, source in enumerate(sound.sources)}
    shared = [source for source in flawed.sources if source in places]
    comparison: dict[str, Any] = {"comparison": UNPAIRED, "tested_by_both": len(shared), "by_copies": None}
    if not len(shared) == len(flawed.sources) == len(sound.sources):
        first, second = (_count(answers, classes) for answers in (flawed, sound))
        scores = {"accuracy": accuracy_difference(first, second), "f1": macro_difference("f1", first, second)}
        scores = {name: with_verdict(difference) for name, difference in scores.items()}
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


def _count(predictions: NamedPredictions, classes: int) -> Matrix:
    matrix: Matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (predictions.true, predictions.predicted), 1)
    return matrix


def _paired(flawed: NamedPredictions, sound: Any, rows: Any, classes: int) -> dict[str, Any]:
    """Compare predictions of the same images; ``sound`` (N,) is the other side, ``rows`` (N,) the rows that count."""
    true, ours = flawed.true[rows], flawed.predicted[rows]
    theirs = sound[rows]
    correct, other_correct = ours == true, theirs == true
    only_flawed, only_sound = int((correct & ~other_correct).sum()), int((~correct & other_correct).sum())
    return {
        "accuracy": _fraction(hit_difference(only_sound, only_flawed, len(true))),
        "f1": _fraction(macro_f1_difference(true, theirs, ours, classes)),
    }


def _fraction(points: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a difference in points, as given by ``analysis.differences``, to fractions."""
    difference = {"difference": points["points"] / 100, "low": points["low"] / 100, "high": points["high"] / 100}
    difference |= {"method": points["method"], "level": points["level"]}
    return with_verdict(difference)
