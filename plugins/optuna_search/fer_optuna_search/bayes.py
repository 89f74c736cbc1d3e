"""Bayesian search: each point is chosen by a model of all values so far."""

from __future__ import annotations

from typing import Literal

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)  # the core prints one line per trial itself


class Bayes:
    """Bayesian search by Optuna: tree-structured Parzen estimators, or Gaussian processes.

    Args:
        dimensions: number of coordinates of a point.
        seed: random seed of the search.
        trials: number of points to try, at least 1.
        model: tpe (Bergstra et al., NeurIPS 2011) or gp (Gaussian process, expected improvement).
        startup: number of random points before the model chooses, at least 1; null: 10, or half of fewer than 20
            trials.

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
        """Return the next point; None if all have been tried.

        Raises:
            RuntimeError: ``tell`` was not called for the last point.
        """
        if self._trial is not None:
            raise RuntimeError("ask came before the value of the last point was told")
        if self._left == 0:
            return None
        self._left -= 1
        self._trial = self._study.ask(self._space)
        return [float(value) for value in self._trial.params.values()]

    def tell(self, value: float) -> None:
        """Record the value of the last point returned by ``ask``; NaN counts as infinity.

        Raises:
            RuntimeError: there was no preceding ``ask``.
        """
        if self._trial is None:
            raise RuntimeError("tell came before ask")
        self._study.tell(self._trial, value if value == value else float("inf"))
        self._trial = None


def unit_cube(dimensions: int) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return Optuna's search space of ``dimensions`` coordinates in [0, 1]."""
    return {f"x{place:03}": optuna.distributions.FloatDistribution(0.0, 1.0) for place in range(dimensions)}
