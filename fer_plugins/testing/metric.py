"""The contract of ``fer_plugins.metrics``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Metric
from fer_plugins.metrics.installed import find_fault
from fer_plugins.runtime.generators import kept_generators, seed_generators
from fer_plugins.testing.findings import Failed, Findings

_CLASSES = 5
Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]


def check_metric(factory: Callable[..., Any]) -> None:
    """Check a metric: its fields, and its values for various splits.

    A value must be in the range, must be the same for any order of the images, and must not be worse for a network that
    is always right than for one that is always wrong. The arrays must not be modified. For splits with a single image
    or class the value may be undefined (None or NaN), but no error may be raised.

    Args:
        factory: returns a ``contract.Metric`` when called without arguments; wrap it in ``functools.partial`` to set
            options.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("metric", factory)
    needed = [
        name
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.default is parameter.empty or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    findings.require(
        not needed, "called without arguments", f"it takes {', '.join(needed)}", "give every option a default, no **"
    )
    metric = Failed() if needed else findings.attempt(factory, "builds", "building", "take no arguments")
    if not isinstance(metric, Failed) and findings.require(
        isinstance(metric, Metric),
        "returns a Metric",
        f"it returns a {type(metric).__name__}",
        "return a fer_plugins.contract.Metric",
    ):
        fault = find_fault(metric)
        if findings.require(fault is None, "sound fields", str(fault), "see fer_plugins.contract.Metric"):
            with kept_generators():
                _check_values(findings, metric)
    findings.report()


def _check_values(findings: Findings, metric: Metric) -> None:
    for name, (labels, probabilities) in _splits().items():
        value = _value(findings, metric, labels, probabilities, name)
        if value is None:
            continue
        low, high = metric.range
        findings.require(
            low <= value <= high,
            "lies in the range",
            f"{value:g} for {name}",
            f"clip it, or widen the range {low:g} to {high:g}",
        )
        if metric.interval == "wilson":
            correct = value * len(labels)
            findings.require(
                abs(correct - round(correct)) < 1e-6,
                "wilson is for a share of the images",
                f"{value:g} of {len(labels)} images is not a whole number of images, for {name}",
                'say interval="bootstrap"',
            )
        seed_generators(1)
        order = np.random.default_rng(0).permutation(len(labels))
        again = _value(findings, metric, labels[order], probabilities[order], f"{name}, in another order")
        findings.require(
            again is not None and math.isclose(again, value, rel_tol=1e-9, abs_tol=1e-12),
            "same images, same value",
            f"{value!r} for {name}, {again!r} in another order",
            "draw nothing, and let no image depend on the one before",
        )
    labels = np.arange(40) % _CLASSES
    right = _value(findings, metric, labels, np.eye(_CLASSES)[labels], "a network that is always right")
    wrong = _value(findings, metric, labels, np.eye(_CLASSES)[(labels + 1) % _CLASSES], "one that is always wrong")
    if right is not None and wrong is not None:
        findings.require(
            right >= wrong if metric.better == "higher" else right <= wrong,
            "better is the better direction",
            f"better={metric.better!r}, with {right:g} where all is right and {wrong:g} where all is wrong",
            "name the other direction",
        )


def _value(
    findings: Findings, metric: Metric, labels: Labels, probabilities: Probabilities, split: str
) -> float | None:
    seed_generators(0)
    arrays = labels.copy(), probabilities.copy()
    value = findings.attempt(
        lambda: metric.compute(*arrays), "serves every split", split, "return None where there is no value"
    )
    if isinstance(value, Failed):
        return None
    same = np.array_equal(arrays[0], labels) and np.array_equal(arrays[1], probabilities)
    findings.require(same, "leaves its arguments alone", f"it changed an array, for {split}", "work on a copy")
    number = value is None or isinstance(value, float | int | np.floating | np.integer)
    if not findings.require(number, "gives a number", f"{value!r:.60} for {split}", "return float(value), or None"):
        return None
    return None if value is None or math.isnan(value) else float(value)


def _splits() -> dict[str, tuple[Labels, Probabilities]]:
    random = np.random.default_rng(0)
    labels = random.integers(0, _CLASSES, 200)
    skilled = random.dirichlet(np.ones(_CLASSES), 200) + 0.5 * np.eye(_CLASSES)[labels]
    skilled /= skilled.sum(1, keepdims=True)
    two = labels < 2
    return {
        "200 images": (labels, skilled),
        "two of five classes": (labels[two], skilled[two]),
        "one class": (np.full(30, 2), skilled[:30]),
        "one image": (labels[:1], skilled[:1]),
        "the same answer for all": (labels, np.full((200, _CLASSES), 1 / _CLASSES)),
    }
