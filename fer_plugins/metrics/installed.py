"""Metrics of plug-ins, found through entry points and added to the table; a broken one only costs a line of output."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fer_plugins.config import registry
from fer_plugins.contract import Metric
from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.resampling import Interval, draw_images, make_interval, percentiles
from fer_plugins.metrics.table import METRICS, NOT_FINITE, Entry
from fer_plugins.runtime.errors import InputError, RunError

if TYPE_CHECKING:
    from fer_plugins.metrics.evidence import Evidence

# Other keys of a split in metrics.json, which metrics must not use as names.
RESERVED = (
    "n", "per_class", "confusion_matrix", "confusion_matrix_shares", "classes", "absent_classes", "intervals", "votes",
    "vote_majority", "by_subject", "by_sequence", "too_few", "failed_metrics", "missing_classes", "left_out", "copies",
    "prior_adjusted_accuracy", "gap",
)  # fmt: skip
METHODS = {"wilson": "Wilson", "bootstrap": "bootstrap of the images", "none": "none"}


class Installed(NamedTuple):
    """The metrics of installed plug-ins."""

    entries: dict[str, Entry]
    failed: dict[str, str]  # name -> reason why it is left out, one line


class MetricFailed(RunError):
    """Raised if a plug-in's metric fails for a split; the message is one line that names the metric."""


def installed() -> Installed:
    """Return the metrics of installed plug-ins by the names of their entry points."""
    return _installed(tuple(sys.path))


def all_metrics() -> dict[str, Entry]:
    """Return all metrics: those of the core, then those of plug-ins."""
    return METRICS | installed().entries


@functools.cache
def _installed(path: tuple[str, ...]) -> Installed:
    del path  # only part of the cache key
    entries: dict[str, Entry] = {}
    failed: dict[str, str] = {}
    for component in registry.available("metric"):
        try:
            if component.name in METRICS or component.name in RESERVED:
                raise registry.PluginError(f"{component}: the core has something of that name; tell its author")
            registry.find("metric", component.name)  # raises an error if several plug-ins have this name
            entries[component.name] = as_entry(component, registry.build("metric", component.name))
        except InputError as error:
            failed[component.name] = str(error)
    return Installed(entries, failed)


def as_entry(component: registry.Component, metric: object) -> Entry:
    """Return a plug-in's metric as an entry of the table.

    Raises:
        PluginError: It is not a ``contract.Metric``, or one of its fields breaks the contract.
    """
    if not isinstance(metric, Metric):
        raise registry.PluginError(
            f"{component} returns a {type(metric).__name__}; the contract wants a fer_plugins.contract.Metric"
        )
    wrong = find_fault(metric)
    if wrong:
        raise registry.PluginError(f"{component}: {wrong}; tell the author of {component.distribution}")
    compute = functools.partial(_compute, str(component), metric)
    return Entry(
        component.name,
        metric.title,
        metric.formula,
        compute,
        functools.partial(_interval, metric, compute),
        METHODS[metric.interval],
        range=(float(metric.range[0]), float(metric.range[1])),
        better=metric.better,
        unit=metric.unit,
        chance=metric.chance,
        source=metric.source,
        undefined=f"{metric.undefined}, or {NOT_FINITE}" if metric.undefined else NOT_FINITE,
        needs_probabilities=True,
        distribution=component.distribution,
    )


def find_fault(metric: Metric) -> str | None:
    """Return how the fields of a metric break the contract; None if they do not."""
    texts = ("title", "unit", "formula", "chance", "source", "undefined")
    no_text = next((name for name in texts if not isinstance(getattr(metric, name), str)), None)
    if no_text or not metric.title:
        return f"{no_text or 'title'} is {getattr(metric, no_text or 'title')!r}, no text"
    if not callable(metric.compute):
        return f"compute is {metric.compute!r}, no function"
    ends = metric.range
    if not (isinstance(ends, tuple) and len(ends) == 2 and all(isinstance(end, int | float) for end in ends)):
        return f"range is {ends!r}, not two numbers"
    if not ends[0] < ends[1]:
        return f"range is {ends!r}, not the least value and a larger one"
    if metric.better not in ("higher", "lower"):
        return f"better is {metric.better!r}, neither higher nor lower"
    return None if metric.interval in METHODS else f"interval is {metric.interval!r}, none of {', '.join(METHODS)}"


def _compute(component: str, metric: Metric, evidence: Evidence) -> float | None:
    return _call(component, metric, evidence.predictions.label, evidence.predictions.probabilities)


def _call(component: str, metric: Metric, *inputs: object) -> float | None:
    """Return the value for copies of labels and probabilities; None if it is undefined.

    Raises:
        MetricFailed: The metric raises an exception, or its value is out of range.
    """
    try:
        inputs = tuple(np.array(array) for array in inputs)
        value = metric.compute(*inputs)  # type: ignore[arg-type]
        value = None if value is None else float(value)
    except Exception as error:  # a plug-in may raise anything, which must not end the run
        cause = " ".join(str(error).split())
        raise MetricFailed(f"{component} fails: {type(error).__name__}: {cause}".removesuffix(": ")) from None
    if value is None or math.isnan(value):
        return None
    low, high = metric.range
    if not low <= value <= high:
        raise MetricFailed(f"{component} gives {value:g}, outside its range {low:g} to {high:g}")
    return value


def _interval(metric: Metric, compute: Callable[[Evidence], float | None], evidence: Evidence) -> Interval | None:
    if metric.interval == "none":
        return None
    predictions = evidence.predictions
    size = len(predictions)
    value = compute(evidence)
    assert value is not None
    if metric.interval == "wilson":
        return wilson(round(value * size), size)
    draws = []
    for counts in draw_images(size, evidence.seed, strata=predictions.label):
        for column in counts.T:
            rows = np.repeat(np.arange(size), column.astype(np.int64))
            draws.append(_call("", metric, predictions.label[rows], predictions.probabilities[rows]))
    defined = np.array([draw for draw in draws if draw is not None])
    if len(defined) < len(draws):  # undefined for some resamples: no valid interval from the rest
        return None
    low, high = percentiles(defined)
    return make_interval(min(low, value), max(high, value), "stratified bootstrap")
