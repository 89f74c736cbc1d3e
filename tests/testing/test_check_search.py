"""check_search: the core's search passes, and every rule has a search that breaks it."""

import itertools
import random

import pytest
from fer_parameter_search.random_search import RandomSearch

from fer_plugins.testing import ContractError, check_search


def search(points=lambda dimensions, seed: [[0.5] * dimensions] * 3, tell=None, strict=True):
    """Return a factory whose searches ask for ``points``."""

    class Search:
        def __init__(self, *, dimensions: int, seed: int) -> None:
            self.left, self.asked = iter(points(dimensions, seed)), False

        def ask(self):
            self.asked = True
            return next(self.left, None)

        def tell(self, value):
            if strict and not self.asked:
                raise RuntimeError("tell came before ask")
            if tell:
                tell(value)

    return Search


def refuse_infinity(value):
    if value == float("inf"):
        raise OverflowError("infinity")


def test_sound_searches_pass():
    check_search(RandomSearch)
    check_search(search())


BROKEN = {
    "runs": (search(points=lambda dimensions, seed: 1 / 0), "ZeroDivisionError"),
    "comes to an end": (search(points=lambda dimensions, seed: itertools.repeat([0.5] * dimensions)), "10,001 times"),
    "points are lists of floats": (search(points=lambda dimensions, seed: [[0.5]]), "a list of 3 floats"),
    "points lie in the unit cube": (search(points=lambda dimensions, seed: [[1.5] * dimensions]), "clip to"),
    "same seed, same points": (
        search(points=lambda dimensions, seed: [[random.random() for _ in range(dimensions)]]),
        "under other global seeds",
    ),
    "failed trials": (search(tell=refuse_infinity), "OverflowError"),
    "tell needs ask": (search(strict=False), "raise RuntimeError"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_has_a_search_that_breaks_it(rule):
    factory, observed = BROKEN[rule]
    with pytest.raises(ContractError, match=rule) as caught:
        check_search(factory)
    assert observed in str(caught.value)
