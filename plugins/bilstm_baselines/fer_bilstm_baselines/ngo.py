"""Northern Goshawk Optimisation, a population-based search for the minimum of a function on the unit cube."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_OFFSET = 0.1  # coordinates are coded in [0.1, 1.1]: the second phase multiplies, so that 0 would be a fixed point
_RADIUS = 0.02  # initial radius of the second phase; decreases to 0
Point = npt.NDArray[np.float64]


class NorthernGoshawk:
    """Northern Goshawk Optimisation with an ask-and-tell interface; population + 2 * population * iterations points.

    Dehghani, Hubalovsky, Trojovsky, "Northern Goshawk Optimization", IEEE Access 9, 2021. In each iteration t of T,
    each member x moves twice; a move is kept only if it is an improvement. Phase 1 (prey): with a random other member
    p, x' = x + r (p - I x) if p is better, else x + r (x - p), with r uniform in [0, 1) for each coordinate and I 1 or
    2. Phase 2 (chase): x' = x + R (2 r - 1) x with R = 0.02 (1 - t / T). Points outside the cube are moved to its
    border.

    A public library of such searches lists this one under questionable originality; compare it with ``random``.

    Args:
        dimensions: number of coordinates of a point, at least 1.
        seed: random seed of the search.
        population: number of members of the population, at least 2.
        iterations: number of iterations T, at least 1.

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
        self.members: list[Point] = []  # coded coordinates
        self.values: list[float] = []
        self._draw = np.random.default_rng(seed)
        self._sizes = (dimensions, population, iterations)
        self._course = self._run()
        self._told: float | None = None
        self._waiting = False

    def ask(self) -> list[float] | None:
        """Return the next point, every coordinate in [0, 1]; None if the search is finished.

        Raises:
            RuntimeError: ``tell`` was not called for the last point.
        """
        if self._waiting:
            raise RuntimeError("ask came before the value of the last point was told")
        point = next(self._course, None)
        self._waiting = point is not None
        return None if point is None else [float(value) for value in np.clip(point - _OFFSET, 0.0, 1.0)]

    def tell(self, value: float) -> None:
        """Record the value of the last point returned by ``ask``; lower is better. NaN counts as infinity.

        Raises:
            RuntimeError: there was no preceding ``ask``.
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
