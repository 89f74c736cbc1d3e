"""The contract of ``fer_plugins.searches``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fer_plugins.runtime.generators import kept_generators, seed_generators
from fer_plugins.testing.findings import Failed, Findings
from fer_plugins.testing.signature import check_signature

_MOST = 10_000  # points; a search that asks for more in three dimensions is assumed not to end
_DIMENSIONS = 3


def check_search(factory: Callable[..., Any]) -> None:
    """Check a search: points in the unit cube, a finite number of them, the same points for the same seed and values.

    Args:
        factory: ``(*, dimensions, seed, typed options) -> Search``; wrap it in ``functools.partial`` to set options.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("search", factory)
    offered = ("dimensions", "seed")
    check_signature(findings, factory, required=offered, offered=offered, defaults=False)
    with kept_generators():
        seed_generators(0)
        points = findings.attempt(
            lambda: _follow(factory, seed=0, failing=False),
            "runs",
            "asking and telling until the end",
            "see the contract",
        )
        if not isinstance(points, Failed):
            _check_points(findings, points)
            seed_generators(1)
            again = findings.attempt(
                lambda: _follow(factory, seed=0, failing=False),
                "same seed, same points",
                "a second search",
                "draw again",
            )
            findings.require(
                again == points,
                "same seed, same points",
                "a second search with seed 0 under other global seeds asks for other points",
                "draw from np.random.default_rng(seed) only",
            )
            findings.attempt(
                lambda: _follow(factory, seed=0, failing=True),
                "failed trials",
                "telling infinity every time",
                "take infinity as the worst value",
            )
        early = findings.attempt(
            lambda: factory(dimensions=_DIMENSIONS, seed=0), "builds", "building", "take every dimension and seed"
        )
        if not isinstance(early, Failed):
            findings.require(
                _refuses(lambda: early.tell(0.0)), "tell needs ask", "tell before ask is taken", "raise RuntimeError"
            )
    findings.report()


def _follow(factory: Callable[..., Any], *, seed: int, failing: bool) -> list[Any]:
    search = factory(dimensions=_DIMENSIONS, seed=seed)
    points: list[Any] = []
    while (point := search.ask()) is not None and len(points) <= _MOST:
        points.append(point)
        search.tell(math.inf if failing else sum((coordinate - 0.3) ** 2 for coordinate in point))
    return points


def _check_points(findings: Findings, points: list[Any]) -> None:
    findings.require(
        0 < len(points) <= _MOST, "comes to an end", f"it asked {len(points):,} times", "return None after some points"
    )
    for point in points:
        right = (
            isinstance(point, list) and len(point) == _DIMENSIONS and all(isinstance(number, float) for number in point)
        )
        if not findings.require(
            right, "points are lists of floats", f"it asks for {point!r:.80}", f"return a list of {_DIMENSIONS} floats"
        ):
            return
        findings.require(
            all(0 <= number <= 1 for number in point),
            "points lie in the unit cube",
            f"it asks for {point}",
            "clip to [0, 1]",
        )


def _refuses(action: Callable[[], object]) -> bool:
    try:
        action()
    except RuntimeError:
        return True
    except Exception:  # another type of error is not a clear rejection
        return False
    return False
