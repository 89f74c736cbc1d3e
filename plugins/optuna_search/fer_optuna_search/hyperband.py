"""Hyperband: many short trainings, the better ones of which are repeated with more epochs."""

from __future__ import annotations

import math

import optuna

from fer_optuna_search.bayes import unit_cube


class Hyperband:
    """Hyperband (Li et al., JMLR 18, 2018) by Optuna's HyperbandPruner, on points of its TPE sampler.

    A point is first trained for a small fraction of the recipe's epochs, then for ``reduction_factor`` times as many,
    and so on up to all, as long as it is among the best 1 / ``reduction_factor`` of its bracket so far. Each step is a
    separate run that starts from scratch, so that its learning-rate schedule fits its length; a point that reaches all
    epochs costs at most 1 / (1 - 1 / ``reduction_factor``) trainings, 1.5 with 3.

    Args:
        dimensions: number of coordinates of a point.
        seed: random seed of the search.
        points: number of points to try, at least 1; the number of runs is larger.
        reduction_factor: factor between the lengths of successive trainings; the best 1 / reduction_factor of a bracket
            continue. At least 2.
        rungs: number of training lengths, at least 2; with 4 and a factor of 3: 1/27, 1/9, 1/3 and all of the epochs.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self, *, dimensions: int, seed: int, points: int = 20, reduction_factor: int = 3, rungs: int = 4
    ) -> None:
        given = {"points": (points, 1), "reduction_factor": (reduction_factor, 2), "rungs": (rungs, 2)}
        for name, (value, least) in given.items():
            if value < least:
                raise ValueError(f"{name} is {value}; give at least {least}")
        self._factor, self._longest = reduction_factor, reduction_factor ** (rungs - 1)
        self._study = optuna.create_study(
            study_name=f"hyperband {seed}",  # decides which point is in which bracket
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.HyperbandPruner(
                min_resource=1, max_resource=self._longest, reduction_factor=reduction_factor
            ),
        )
        self._space = unit_cube(dimensions)
        self._left = points
        self._trial: optuna.Trial | None = None  # trial whose training may be repeated with more epochs
        self._length, self._waiting = 1, False

    @property
    def budget(self) -> float:
        """Fraction of the recipe's epochs for the last point returned by ``ask``."""
        return self._length / self._longest

    def ask(self) -> list[float] | None:
        """Return the next point, or the last one again for a longer training; None if the search is finished.

        Raises:
            RuntimeError: ``tell`` was not called for the last point.
        """
        if self._waiting:
            raise RuntimeError("ask came before the value of the last point was told")
        if self._trial is None:
            if self._left == 0:
                return None
            self._left -= 1
            self._trial, self._length = self._study.ask(self._space), 1
        else:
            self._length *= self._factor
        self._waiting = True
        return [float(value) for value in self._trial.params.values()]

    def tell(self, value: float) -> None:
        """Record the value of the last point returned by ``ask``; a failed trial gets no longer training.

        Raises:
            RuntimeError: there was no preceding ``ask``.
        """
        if not self._waiting or self._trial is None:
            raise RuntimeError("tell came before ask")
        self._waiting = False
        if not math.isfinite(value):
            self._study.tell(self._trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._trial.report(value, self._length)
            if self._length < self._longest and not self._trial.should_prune():
                return
            state = optuna.trial.TrialState
            if self._length == self._longest:
                self._study.tell(self._trial, value)
            else:
                self._study.tell(self._trial, state=state.PRUNED)
        self._trial = None
