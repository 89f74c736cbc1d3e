"""The logger `tensorboard`: curves, scores and figures of a run, written to RUN/tensorboard."""

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
    """Return Lightning's TensorBoard logger, which writes to RUN/tensorboard (view it with tensorboard --logdir RUN).

    Args:
        folder: the run's folder.
        config: the run's configuration.

    Raises:
        ValueError: TensorBoard is not installed.
    """
    check(config)
    logger = TensorBoard(save_dir=folder, name="", version="tensorboard", default_hp_metric=False)
    _ = logger.experiment  # creates the file, so that a failure to write is noticed now
    return logger


def check(config: Mapping[str, Any]) -> None:
    """Check that TensorBoard is installed.

    Raises:
        ValueError: it is not installed; the message names the remedy.
    """
    del config
    if find_spec("tensorboard") is None:
        raise ValueError(f"tensorboard is not installed; {install_command('tensorboard')}, or take --logger csv")


tensorboard.check = check  # type: ignore[attr-defined]


class TensorBoard(TensorBoardLogger):
    """Lightning's logger; in addition it shows the result with the configuration under HPARAMS, and the figures."""

    title = "TensorBoard"

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write the row of an epoch to disk at once, so that nothing is lost if the run is killed."""
        super().log_metrics(metrics, step)
        self.experiment.flush()

    def log_result(self, result: Result) -> None:
        """Write the scores as values of the last epoch, and next to the configuration."""
        self.log_hyperparams(self.hparams, metrics=result.numbers(), step=result.epochs)

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Write PNG files as images ``figures/NAME``."""
        for name, path in pictures.items():
            self.experiment.add_image(f"figures/{name}", np.asarray(Image.open(path).convert("RGB")), dataformats="HWC")
