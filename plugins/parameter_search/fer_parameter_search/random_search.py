"""The built-in search: uniformly drawn points."""

from __future__ import annotations

import random


class RandomSearch:
    """Uniformly drawn points, the baseline of every other search.

    Args:
        dimensions: number of coordinates of a point.
        seed: random seed of the points.
        trials: number of points to try.
    """

    def __init__(self, *, dimensions: int, seed: int, trials: int = 20) -> None:
        if trials < 1:
            raise ValueError(f"trials is {trials}; give at least 1")
        self._draw = random.Random(f"random search {seed}")
        self._dimensions, self._left, self._asked = dimensions, trials, False

    def ask(self) -> list[float] | None:
        """Return the next point; None if all have been tried."""
        if self._left == 0:
            return None
        self._left -= 1
        self._asked = True
        return [self._draw.random() for _ in range(self._dimensions)]

    def tell(self, value: float) -> None:
        """Record the value of the last point, which has no effect here."""
        if not self._asked:
            raise RuntimeError("tell came before ask")
        del value
        self._asked = False
