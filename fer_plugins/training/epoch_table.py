"""The logger `csv`: metrics.csv of the run's folder, a row an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger

from fer_plugins.runs.epoch_rows import EpochRows


def csv(*, folder: Path) -> Logger:
    """Return the logger of metrics.csv, which every run but one with logger none has.

    Args:
        folder: of the run.
    """
    return EpochTable(folder)


class EpochTable(Logger):
    """Writes the rows of the epochs to metrics.csv, whole after each."""

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
        """Do nothing: config.yaml lies beside the table."""
