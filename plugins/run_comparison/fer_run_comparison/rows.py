"""Rows of a comparison's tables as text, the same cells for a terminal and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fer_plugins.analysis.seed_spread import format_spread
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.result_table import format_p


class SpreadRow(NamedTuple):
    """One score of a model over its seeds."""

    model: str  # its letter
    score: str  # its title
    seeds: str  # number of seeds
    mean: str
    sd: str
    t: str  # 95 % interval of the mean by Student's t, or the reason for its absence
    z: str  # the same by the normal distribution


class PairRow(NamedTuple):
    """One score of a pair of runs, or of a pair of models over seeds; differences are second - first, in points."""

    first: str
    second: str
    score: str  # its title
    points: str
    interval: str  # 95 % interval, or the reason for its absence
    verdict: str  # empty if ``add_verdicts`` was not called and the test has no verdict of its own
    p: str
    p_holm: str
    detectable: str  # smallest difference detectable with 80 % power; empty without ``add_verdicts``
    further_p: str  # for runs that share subjects: p by image; for models: Wilcoxon's p (n); else empty


class RankRow(NamedTuple):
    """A model's mean rank and its groups for each score."""

    model: str
    cells: tuple[tuple[str, str], ...]  # (mean rank, letters of the groups) by score


def spread_rows(comparison: Mapping[str, Any]) -> list[SpreadRow]:
    """Return one row per score of each model trained more than once."""
    return [
        SpreadRow(
            model["letter"],
            title,
            str(spread["n"]),
            f"{spread['mean']:.4f}",
            f"{spread['sd']:.4f}",
            format_spread(spread, "t"),
            format_spread(spread, "z"),
        )
        for model in comparison["models"]
        if model["over_seeds"]
        for score, title in HEADLINE.items()
        for spread in [model["over_seeds"][score]]
    ]


def name_run(letter: str, seed: int | None, word: str = "s") -> str:
    """Return a run's name: its model's letter and its seed, if that is known.

    >>> name_run("A", 0), name_run("B", None), name_run("C", 1, "seed ")
    ('A s0', 'B', 'C seed 1')
    """
    return letter if seed is None else f"{letter} {word}{seed}"


def pair_rows(comparison: Mapping[str, Any], word: str = "s") -> list[PairRow]:
    """Return one row per score of each pair of runs.

    Args:
        comparison: result of ``compare_runs``, with or without that of ``add_verdicts``.
        word: text before the seed in a run's name.
    """
    rows = []
    for pair in comparison["pairs"]:
        first, second = (name_run(pair[f"{side}_letter"], pair[f"{side}_seed"], word) for side in ("first", "second"))
        for score, title in HEADLINE.items():
            test = pair[score]
            by_image = format_p(test["by_image"]["p"]) if "by_image" in test else ""
            cells = _test_cells(test, test["difference"], (first, second))
            rows.append(PairRow(first, second, title, *cells, by_image))
    return rows


def model_rows(over_seeds: Mapping[str, Any]) -> list[PairRow]:
    """Return one row per score of each pair of models, by Welch's test over seeds.

    Args:
        over_seeds: entry of a comparison, not None.
    """
    rows = []
    for score, title in HEADLINE.items():
        for pair in over_seeds[score]["pairs"]:
            first, second, welch, ranks = pair["first"], pair["second"], pair["welch"], pair["wilcoxon"]
            wilcoxon = "-" if ranks is None or ranks["p"] is None else f"{format_p(ranks['p'])} ({ranks['n']})"
            rows.append(PairRow(first, second, title, *_test_cells(welch, welch, (first, second)), wilcoxon))
    return rows


def rank_rows(over_blocks: Mapping[str, Mapping[str, Any]]) -> list[RankRow]:
    """Return the models sorted by their mean rank for the first score.

    Args:
        over_blocks: score -> ``compare_over_blocks``, each with ``friedman``.
    """
    first = next(iter(over_blocks.values()))
    results = [tests["friedman"] for tests in over_blocks.values()]
    places = sorted(range(len(first["models"])), key=lambda place: first["friedman"]["mean_ranks"][place])
    return [
        RankRow(
            first["models"][place],
            tuple((f"{result['mean_ranks'][place]:.2f}", result["groups"][place]) for result in results),
        )
        for place in places
    ]


def name_verdict(test: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the verdict of a test with the names of its two sides; empty if it has none."""
    verdict = str(test.get("verdict", ""))
    if verdict == "equivalent":
        return f"equivalent within {test['equivalence']['margin']:g}"
    return {"first better": f"{names[0]} better", "second better": f"{names[1]} better"}.get(verdict, verdict)


def format_points(points: float) -> str:
    """Format a difference in points: "+1.20"."""
    return f"{points:+.2f}"


def format_ends(interval: Mapping[str, Any]) -> str:
    """Format the interval of a difference in points, or the reason for its absence: "-0.31 to +2.71", "too few"."""
    if interval["low"] is None:
        return str(interval.get("why") or "-")
    return f"{format_points(interval['low'])} to {format_points(interval['high'])}"


def _test_cells(
    test: Mapping[str, Any], difference: Mapping[str, Any], names: Sequence[str]
) -> tuple[str, str, str, str, str, str]:
    """Return points, interval, verdict, p, corrected p and detectable difference."""
    detectable = ""
    if "detectable" in test:
        points = test["detectable"]["points"]
        detectable = "none" if points is None else f"{points:.2f}"
    return (
        format_points(difference["points"]),
        format_ends(difference),
        name_verdict(test, names),
        format_p(test["p"]),
        format_p(test.get("p_holm")),
        detectable,
    )
