"""Groups of models that cannot be told apart, as letters (compact letter display)."""

from __future__ import annotations

import string
from collections.abc import Collection, Sequence

import networkx


def letters_of_groups(models: Sequence[str], told_apart: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return the letters of each model: two models share a letter exactly if no test tells them apart.

    A group is a maximal set of models of which no two are told apart (a clique), so a model can be in several.

    Args:
        models: names, the best first; "a" is the group of the best.
        told_apart: pairs of names, in any order.

    >>> letters_of_groups(["x", "y", "z"], [("x", "z")])
    {'x': 'a', 'y': 'ab', 'z': 'b'}
    """
    place = {model: number for number, model in enumerate(models)}
    graph = networkx.complete_graph(models)
    graph.remove_edges_from(told_apart)
    groups = sorted(sorted(place[model] for model in clique) for clique in networkx.find_cliques(graph))
    return {
        model: "".join(_letter(k) for k, group in enumerate(groups) if number in group)
        for model, number in place.items()
    }


def _letter(number: int) -> str:
    """Return a to z, A to Z, then Greek letters: one character each."""
    letters = string.ascii_letters
    return (
        letters[number] if number < len(letters) else chr(ord("\N{GREEK SMALL LETTER ALPHA}") + number - len(letters))
    )
