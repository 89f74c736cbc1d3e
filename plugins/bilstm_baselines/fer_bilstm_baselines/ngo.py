"""Northern Goshawk Optimisation, a population search for the lowest value of a function on the unit cube."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_OFFSET = 0.1  # coordinates are coded in [0.1, 1.1]: the second phase multiplies, and would stand still at 0
_RADIUS = 0.02  # of the second phase at the beginning; falls to 0
Point = npt.NDArray[np.float64]


class NorthernGoshawk:
    """Asks for points and is told their values; population + 2 * population * iterations of them.

    Dehghani, Hubalovsky, Trojovsky, "Northern Goshawk Optimization", IEEE Access 9, 2021. In each iteration t of T each
    member x moves twice, and stays where the move is no improvement. Phase 1 (prey): with a random other member p, x' =
    x + r (p - I x) where p is better, else x + r (x - p), with r uniform in [0, 1) for each coordinate and I 1 or 2.
    Phase 2 (chase): x' = x + R (2 r - 1) x with R = 0.02 (1 - t / T). Points that leave the cube are put on its border.

    A public library of such searches files this one under questionable originality; compare it with ``random``.

    Args:
        dimensions: coordinates of a point, at least 1.
        seed: decides everything that is drawn.
        population: members, at least 2.
        iterations: T, at least 1.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, *, dimensions: int, seed: int, population: int = 5, iterations: int = 5) -> None:
        if dimensions < 1:
            raise ValueError(f"dimensions is {dimensions}; give at least 1")
        if population < 2:
            raise ValueError(f"population is {population}; give at least 2, as each member moves towards another")
        if iterations < 1:
            raise ValueError(f"iterations is {iterations}; give at least 1")
        self.members: list[Point] = []  # coded
        self.values: list[float] = []
        self._draw = np.random.default_rng(seed)
        self._sizes = (dimensions, population, iterations)
        self._course = self._run()
        self._told: float | None = None
        self._waiting = False

    def ask(self) -> list[float] | None:
        """Return the next point, every coordinate in [0, 1]; None when the search is over.

        Raises:
            RuntimeError: the value of the last point was not told.
        """
        if self._waiting:
            raise RuntimeError("ask came before the value of the last point was told")
        point = next(self._course, None)
        self._waiting = point is not None
        return None if point is None else [float(value) for value in np.clip(point - _OFFSET, 0.0, 1.0)]

    def tell(self, value: float) -> None:
        """Take the value of the point asked for last; lower is better. What is not a number counts as infinity.

        Raises:
            RuntimeError: no point was asked for.
        """
        if not self._waiting:
            raise RuntimeError("tell came before ask")
        self._told = float("inf") if np.isnan(value) else float(value)
        self._waiting = False

    def _run(self) -> Iterator[Point]:
        dimensions, population, iterations = self._sizes
        for _ in range(population):
            start = _OFFSET + self._draw.random(dimensions)
            yield start
            self.members.append(start)
            self.values.append(self._value())
        for iteration in range(1, iterations + 1):
            for member in range(population):
                for moved in (self._find_prey, self._chase):
                    candidate = np.clip(moved(member, iteration / iterations), _OFFSET, 1 + _OFFSET)
                    yield candidate
                    value = self._value()
                    if value < self.values[member]:
                        self.members[member], self.values[member] = candidate, value

    def _find_prey(self, member: int, progress: float) -> Point:
        del progress
        rest = [index for index in range(len(self.members)) if index != member]
        prey = rest[int(self._draw.integers(len(rest)))]
        x, p = self.members[member], self.members[prey]
        r, factor = self._draw.random(len(x)), int(self._draw.integers(1, 3))
        return x + r * (p - factor * x) if self.values[prey] < self.values[member] else x + r * (x - p)

    def _chase(self, member: int, progress: float) -> Point:
        x = self.members[member]
        return x + _RADIUS * (1 - progress) * (2 * self._draw.random(len(x)) - 1) * x

    def _value(self) -> float:
        assert self._told is not None
        return self._told
