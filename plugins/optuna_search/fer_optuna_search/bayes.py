"""Bayesian search: each point is chosen by a model of the values so far."""

from __future__ import annotations

from typing import Literal

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)  # a line a trial is the core's


class Bayes:
    """Bayesian search by Optuna: tree-structured Parzen estimators, or Gaussian processes.

    Args:
        dimensions: coordinates of a point.
        seed: decides everything that is drawn.
        trials: how many points are tried, at least 1.
        model: tpe (Bergstra et al., NeurIPS 2011) or gp (Gaussian process, expected improvement).
        startup: points that are drawn at random before the model chooses, at least 1; None: 10, of fewer than 20 trials
            half.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        dimensions: int,
        seed: int,
        trials: int = 30,
        model: Literal["tpe", "gp"] = "tpe",
        startup: int | None = None,
    ) -> None:
        if trials < 1:
            raise ValueError(f"trials is {trials}; give at least 1")
        startup = min(10, (trials + 1) // 2) if startup is None else startup
        if not 1 <= startup <= trials:
            raise ValueError(f"startup is {startup}; give 1 to {trials}, the number of trials")
        if model == "gp":
            sampler: optuna.samplers.BaseSampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup)
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
        self._study = optuna.create_study(sampler=sampler)
        self._space = unit_cube(dimensions)
        self._left = trials
        self._trial: optuna.Trial | None = None

    def ask(self) -> list[float] | None:
        """Return the next point; None when all have been tried.

        Raises:
            RuntimeError: the value of the last point was not told.
        """
        if self._trial is not None:
            raise RuntimeError("ask came before the value of the last point was told")
        if self._left == 0:
            return None
        self._left -= 1
        self._trial = self._study.ask(self._space)
        return [float(value) for value in self._trial.params.values()]

    def tell(self, value: float) -> None:
        """Take the value of the point asked for last; what is not a number counts as infinity.

        Raises:
            RuntimeError: no point was asked for.
        """
        if self._trial is None:
            raise RuntimeError("tell came before ask")
        self._study.tell(self._trial, value if value == value else float("inf"))
        self._trial = None


def unit_cube(dimensions: int) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return Optuna's space of ``dimensions`` coordinates in [0, 1]."""
    return {f"x{place:03}": optuna.distributions.FloatDistribution(0.0, 1.0) for place in range(dimensions)}
