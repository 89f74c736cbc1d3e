"""The contract of hyper-parameter searches."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Search(Protocol):
    """A search for the point of the unit cube with the lowest value, one point at a time."""

    def ask(self) -> list[float] | None:
        """The next point to try, every coordinate in [0, 1]; None when the search is over."""
        ...

    def tell(self, value: float) -> None:
        """Take the value of the last point from ``ask``; lower is better, infinity if the trial failed."""
        ...


@runtime_checkable
class HasBudget(Protocol):
    """Optional: a search whose first trials are shorter (Hyperband); see :class:`Search`."""

    @property
    def budget(self) -> float:
        """Share of the recipe's epochs, in (0, 1], for which the last point from ``ask`` is trained."""
        ...


class SearchFactory(Protocol):
    """``fer_plugins.searches``: a hyper-parameter search; the core maps the unit cube to ranges and runs the trials.

    Deterministic: the same seed and the same values lead to the same points.
    """

    def __call__(self, *, dimensions: int, seed: int) -> Search:
        """Start a search over ``dimensions`` coordinates."""
        ...
