"""The contract of hyper-parameter searches."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Search(Protocol):
    """A sequential search for the point of the unit cube with the lowest value."""

    def ask(self) -> list[float] | None:
        """Return the next point to try, with every coordinate in [0, 1]; None when the search is over."""
        ...

    def tell(self, value: float) -> None:
        """Report the value of the last point returned by ``ask``: lower is better; infinity if the trial failed."""
        ...


@runtime_checkable
class HasBudget(Protocol):
    """Optional: a :class:`Search` whose first trials are shorter (Hyperband)."""

    @property
    def budget(self) -> float:
        """Fraction of the recipe's epochs, in (0, 1], for which the last point returned by ``ask`` is trained."""
        ...


class SearchFactory(Protocol):
    """``fer_plugins.searches``: a hyper-parameter search; the core maps the unit cube to ranges and runs the trials.

    It must be deterministic: the same seed and values lead to the same points.
    """

    def __call__(self, *, dimensions: int, seed: int) -> Search:
        """Start a search over ``dimensions`` coordinates."""
        ...
