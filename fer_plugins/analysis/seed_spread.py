"""The spread over retrainings: which runs are seeds of one model, and t intervals of the mean of their scores.

It differs from the interval of a single run's score. That interval says how far the score may be from its value on an
infinite test set, for the trained network as it is. The spread says how far the mean over infinitely many trainings
may be from the mean of the few, on this test set. Both are printed and never combined into one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from fer_plugins.config.identity import model_settings
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.resampling import LEVEL
from fer_plugins.runs.elsewhere import LABEL
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.errors import InputError

FEWEST = 3  # trainings: with two, Student's t has one degree of freedom and the 95 % interval is +-12.7 sd/sqrt(n) wide
TOO_FEW = "too few"
NO_SPREAD = "no spread"
_OF_EVALUATIONS: dict[str, tuple[float, float]] = {  # in addition to the metrics of the table
    **dict.fromkeys(("consistency", "consistency_of_pairs", "reference_accuracy", "unchanged", "mean"), (0.0, 1.0)),
    **dict.fromkeys(("drop", "accuracy_gain"), (-1.0, 1.0)),
}
UNBOUNDED = (float("-inf"), float("inf"))


def range_of(score: str) -> tuple[float, float]:
    """Return the smallest and largest possible value of a score, as fractions; infinite if unknown.

    Args:
        score: its name; for the dotted name of an evaluation the last known word counts.

    >>> range_of("accuracy"), range_of("shift.zero.consistency.1"), range_of("kappa")
    ((0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
    """
    ranges = _OF_EVALUATIONS | {name: entry.range for name, entry in all_metrics().items()}
    parts = [word for word in score.split(".") if word in ranges]
    changes = any(word in ("change", "probability_change", "calibration") for word in score.split("."))
    return UNBOUNDED if changes or not parts else ranges[parts[-1]]


def clip(low: float, high: float, limits: tuple[float, float]) -> dict[str, float]:
    """Return {low, high}, both limited to the range ``limits``."""
    least, most = limits
    return {"low": min(max(low, least), most), "high": max(min(high, most), least)}


def why_none(values: Sequence[float], *further: Sequence[float]) -> str | None:
    """Return why samples of trainings have no interval: TOO_FEW or NO_SPREAD; None if they have one."""
    samples = (values, *further)
    if min(map(len, samples)) < FEWEST:
        return TOO_FEW
    if all(max(sample) - min(sample) < 1e-12 for sample in samples):  # rounding of a mean
        return NO_SPREAD
    return None


def welch(first: Sequence[float], second: Sequence[float], limits: tuple[float, float] = UNBOUNDED) -> dict[str, Any]:
    """Compare the means of two samples of trainings with Welch's t (1947): mean of ``second`` minus mean of ``first``.

    Args:
        first: a score of each training, n >= 2.
        second: the same score of other trainings, m >= 2.
        limits: smallest and largest possible difference; the interval is limited to it.

    Returns:
        ``low, high`` (95 %), ``p``, ``why``. All but ``why`` are None if neither sample has any spread; ``low`` and
        ``high`` are also None if ``why_none`` gives a reason.
    """
    test: dict[str, Any] = {"low": None, "high": None, "p": None, "why": why_none(first, second)}
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return test
    both = CompareMeans(DescrStatsW(np.asarray(second)), DescrStatsW(np.asarray(first)))
    test["p"] = float(both.ttest_ind(usevar="unequal")[1])
    if test["why"] is None:
        low, high = both.tconfint_diff(1 - LEVEL, usevar="unequal")
        test |= clip(float(low), float(high), limits)
    return test


def format_spread(spread: Mapping[str, Any], form: str) -> str:
    """Format the interval ``form`` ("t", "z") of ``seed_interval``, or the reason why there is none."""
    ends = spread[form]
    return f"{ends['low']:.4f} to {ends['high']:.4f}" if ends else str(spread["why"])


@dataclass(frozen=True)
class Model:
    """Runs that differ only in their seed, sorted by seed."""

    label: str  # the plug-in's name, with what distinguishes it from other models of the same name
    runs: tuple[FinishedRun, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in ascending order."""
        return tuple(run.seed for run in self.runs)

    def values(self, score: str) -> list[float]:
        """Return a score of every run, as a fraction, in the order of the seeds."""
        return [float(run.scores[score]) for run in self.runs]


def group_models(runs: Sequence[FinishedRun]) -> list[Model]:
    """Group runs with the same plug-in, data, split and configuration except for the seed, in order of occurrence.

    Raises:
        InputError: two runs of a model have the same seed; a repetition says nothing about the spread.
    """
    groups: list[tuple[Any, list[FinishedRun]]] = []
    for run in runs:
        key = _identity(run)
        members = next((runs_of_model for identity, runs_of_model in groups if identity == key), None)
        if members is None:
            groups.append((key, [run]))
            continue
        repeated = next((member for member in members if member.seed == run.seed), None)
        if repeated is not None:
            raise InputError(
                f"{run.record.folder}: the same configuration and seed {run.seed} as {repeated.record.folder}; a "
                "repetition is not a second training: leave one out, or train with another --seed"
            )
        members.append(run)
    labels = _label([members[0] for _, members in groups])
    return [
        Model(label, tuple(sorted(members, key=lambda run: run.seed)))
        for label, (_, members) in zip(labels, groups, strict=True)
    ]


def seed_interval(values: Sequence[float], limits: tuple[float, float] = UNBOUNDED) -> dict[str, Any]:
    """Return mean, standard deviation and intervals of the mean over retrainings.

    ``t`` is mean +- t(n - 1) sd / sqrt(n) (Student 1908), for trainings whose scores are roughly normal. ``z`` is
    mean +- 1.96 sd / sqrt(n), the form that papers print: it uses the sd of n runs as if it were exact and is too
    narrow, by 9 % for n = 15 and by more than half for n = 3. It is only returned for comparison with papers.

    Args:
        values: the score of each training, n >= 2; fractions or points, the result has the same unit.
        limits: smallest and largest possible score (``range_of``); intervals are limited to it.

    Returns:
        ``mean, sd`` (ddof 1), ``n``, ``level``, and ``t`` and ``z`` as {low, high}. Both are None for two trainings
        (``why`` is "too few") and if all values are equal ("no spread"); ``why`` is None otherwise.

    Raises:
        InputError: fewer than two values.
    """
    if len(values) < 2:
        raise InputError(
            f"a spread over seeds needs at least two trainings, not {len(values)}; train with other --seed"
        )
    described = DescrStatsW(np.asarray(values, dtype=np.float64))
    sd = float(described.std_ddof(1))
    why = why_none(values)
    ends: dict[str, dict[str, float] | None] = {"t": None, "z": None}
    if why is None:
        both = {"t": described.tconfint_mean(1 - LEVEL), "z": described.zconfint_mean(1 - LEVEL)}
        ends = {name: clip(float(low), float(high), limits) for name, (low, high) in both.items()}
    return {"mean": float(described.mean), "sd": sd, "n": len(values), "level": LEVEL, "why": why, **ends}


def difference_over_seeds(first: Sequence[float], second: Sequence[float], *, shares: bool = False) -> dict[str, Any]:
    """Compare the means of two models over retrainings by Welch's t test and interval (Welch 1947), variances unequal.

    Args:
        first: scores of the first model, fractions, n >= 2.
        second: scores of the second model, m >= 2.
        shares: whether the scores are in 0..1, so that the difference is limited to 100 points.

    Returns:
        ``points`` (100 (mean of second - mean of first)), ``low, high`` in points, ``p``, ``method``, ``level``,
        ``why``. ``low``, ``high`` and ``p`` are None if neither model has any spread; ``low`` and ``high`` are also
        None if a model was trained only twice. In these cases ``why`` is "no spread" or "too few".

    Raises:
        InputError: fewer than two scores of a model.
    """
    if min(len(first), len(second)) < 2:
        raise InputError("the difference of two models over seeds needs at least two trainings of each")
    points = 100 * (float(np.mean(second)) - float(np.mean(first)))
    tested = welch(first, second, (-1.0, 1.0) if shares else UNBOUNDED)
    ends = {end: None if tested[end] is None else 100 * tested[end] for end in ("low", "high")}
    return {"points": points, **ends, "p": tested["p"], "method": "Welch", "level": LEVEL, "why": tested["why"]}


def _identity(run: FinishedRun) -> Any:
    manifest = run.record.manifest
    return (
        manifest["plugin"],
        manifest["data"]["fingerprint"],
        run.split_hash,
        run.split,
        model_settings(run.record.config),
    )


def _label(firsts: Sequence[FinishedRun]) -> list[str]:
    """Name the models; equal names are extended by the settings that differ, or by the folder if none does."""
    names = [_name(run) for run in firsts]
    settings = [model_settings(run.record.config) for run in firsts]
    labels = []
    for number, name in enumerate(names):
        rivals = [rival_settings for rival_settings, same in zip(settings, names, strict=True) if same == name]
        keys = dict.fromkeys(key for rival in rivals for key in rival if any(rival[key] != r.get(key) for r in rivals))
        settings_text = ", ".join(
            f"{key} {_short(settings[number].get(key), [rival.get(key) for rival in rivals])}"
            for key in keys
            if key not in ("plugin", "recipe")
        )
        labels.append(f"{name} ({settings_text})" if settings_text else name)
    return [
        label if labels.count(label) == 1 else f"{label} [{run.name}]"
        for label, run in zip(labels, firsts, strict=True)
    ]


def _name(run: FinishedRun) -> str:
    recipe = run.record.config.get("recipe")
    name = run.record.manifest["plugin"]["name"] + (f".{recipe}" if recipe else "")
    return f"{name}, {LABEL}" if run.elsewhere else name


def _short(value: Any, rivals: Sequence[Any]) -> str:
    """Format a setting; for a component its name and the options in which components of that name differ."""
    if isinstance(value, Mapping):
        name = value.get("name", value)
        same = [rival for rival in rivals if isinstance(rival, Mapping) and rival.get("name") == value.get("name")]
        differing = {key: option for key, option in value.items() if any(rival.get(key) != option for rival in same)}
        options = [f"{key} {'default' if option is None else option}" for key, option in differing.items()]
        return f"{name}: {', '.join(options)}" if options else str(name)
    return "default" if value is None else str(value)
