"""The logger `tensorboard`: curves, scores and figures of a run in RUN/tensorboard."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image

from fer_plugins.config.requirement import install_command
from fer_plugins.contract import Result


def tensorboard(*, folder: Path, config: Mapping[str, Any]) -> TensorBoardLogger:
    """Return Lightning's TensorBoard logger, which writes into RUN/tensorboard: tensorboard --logdir RUN.

    Args:
        folder: of the run.
        config: of the run.

    Raises:
        ValueError: TensorBoard is not installed.
    """
    check(config)
    logger = TensorBoard(save_dir=folder, name="", version="tensorboard", default_hp_metric=False)
    _ = logger.experiment  # begins the file, so that what cannot be written shows now
    return logger


def check(config: Mapping[str, Any]) -> None:
    """Refuse a machine without TensorBoard.

    Raises:
        ValueError: it is not installed; the remedy is named.
    """
    del config
    if find_spec("tensorboard") is None:
        raise ValueError(f"tensorboard is not installed; {install_command('tensorboard')}, or take --logger csv")


tensorboard.check = check  # type: ignore[attr-defined]


class TensorBoard(TensorBoardLogger):
    """Lightning's, with the result beside the configuration under HPARAMS, and the figures."""

    title = "TensorBoard"

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write the row of an epoch to disk at once: a run that is killed goes on behind it."""
        super().log_metrics(metrics, step)
        self.experiment.flush()

    def log_result(self, result: Result) -> None:
        """Write the scores, as values of the last epoch, and beside the configuration."""
        self.log_hyperparams(self.hparams, metrics=result.numbers(), step=result.epochs)

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Write PNG files as images ``figures/NAME``."""
        for name, path in pictures.items():
            self.experiment.add_image(f"figures/{name}", np.asarray(Image.open(path).convert("RGB")), dataformats="HWC")
