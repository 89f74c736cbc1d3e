"""Optuna's search algorithms for ``fer search``."""

from fer_optuna_search.bayes import Bayes
from fer_optuna_search.hyperband import Hyperband

__all__ = ["Bayes", "Hyperband"]
