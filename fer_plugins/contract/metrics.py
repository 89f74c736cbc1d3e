"""What a plug-in offers for the evaluation: a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt


class Metric(NamedTuple):
    """A metric of a split: what is computed, and all that tables, dashboards and intervals need to know of it."""

    title: str  # in tables of results, such as "top-2 accuracy"
    # labels (N,) int64, probabilities (N, K) float64, finite -> the value; None or NaN where it is undefined
    compute: Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], float | None]
    range: tuple[float, float] = (0.0, 1.0)  # least and largest value; infinite where there is none
    better: Literal["higher", "lower"] = "higher"
    # "wilson" where the value is a share of the images; "bootstrap" calls ``compute`` 2,000 times, so it has to be fast
    interval: Literal["wilson", "bootstrap", "none"] = "bootstrap"
    unit: str = ""  # of the value; "" for a share
    formula: str = ""  # for documents, as are the next three
    chance: str = ""  # what a network reaches that knows nothing
    source: str = ""
    undefined: str = ""  # when there is no value


class MetricFactory(Protocol):
    """``fer_plugins.metrics``: a metric that every run computes while its distribution is installed.

    The entry point's name is the metric's name in ``metrics.json`` and W&B. Called without arguments. Where the metric
    fails, a run says so in one line and goes on without it.
    """

    def __call__(self) -> Metric:
        """Offer the metric."""
        ...
