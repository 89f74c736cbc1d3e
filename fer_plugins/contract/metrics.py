"""The contract of plug-ins that add a metric to the evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt


class Metric(NamedTuple):
    """A metric of a split: its function, and what tables, dashboards and confidence intervals need to know about it."""

    title: str  # in tables of results, such as "top-2 accuracy"
    # labels (N,) int64, finite probabilities (N, K) float64 -> value; None or NaN if it is undefined
    compute: Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], float | None]
    range: tuple[float, float] = (0.0, 1.0)  # smallest and largest possible value; infinite if unbounded
    better: Literal["higher", "lower"] = "higher"
    # "wilson" if the value is a fraction of the images; "bootstrap" calls ``compute`` 2,000 times, so it has to be fast
    interval: Literal["wilson", "bootstrap", "none"] = "bootstrap"
    unit: str = ""  # of the value; "" for a fraction
    formula: str = ""  # for the documentation, as are the next three
    chance: str = ""  # value of a classifier at chance level
    source: str = ""
    undefined: str = ""  # when the metric is undefined


class MetricFactory(Protocol):
    """``fer_plugins.metrics``: a metric that every run computes if its distribution is installed.

    The name of the entry point is the metric's name in ``metrics.json`` and W&B. The factory is called without
    arguments. If the metric fails, the run reports it in one line and continues without it.
    """

    def __call__(self) -> Metric:
        """Return the metric."""
        ...
