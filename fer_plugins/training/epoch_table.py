"""The logger `csv`: metrics.csv in the run's folder, one row per epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger

from fer_plugins.runs.epoch_rows import EpochRows


def csv(*, folder: Path) -> Logger:
    """Return the logger of metrics.csv, which is always active except with logger none.

    Args:
        folder: the run's folder.
    """
    return EpochTable(folder)


class EpochTable(Logger):
    """Logger that writes one row per epoch to metrics.csv, replacing the file atomically each time."""

    name, version = "metrics.csv", ""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.rows = EpochRows(folder / "metrics.csv")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add the row of an epoch; its ``epoch`` counts from 1.

        Raises:
            RunError: the file cannot be written.
        """
        del step
        self.rows.add(metrics)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml in the same folder has the hyperparameters."""
