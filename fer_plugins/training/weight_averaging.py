"""The callbacks `ema` and `swa`: Lightning's weight averaging. The averaged weights are validated, selected and saved.

Running statistics of batch normalisation are averaged in the same way as the weights.
"""

from __future__ import annotations

from typing import Annotated, Any

import lightning as L
from lightning.pytorch.callbacks import EMAWeightAveraging, WeightAveraging
from torch.optim.swa_utils import get_swa_avg_fn


def ema(*, decay: Annotated[float, "0..1"] = 0.999, every_n_steps: Annotated[int, ">= 1"] = 1) -> L.Callback:
    """Return Lightning's exponential moving average of the weights (Polyak & Juditsky 1992), from the first step on.

    Args:
        decay: fraction of the average that is kept at each update; must be below 1; 0 disables averaging.
        every_n_steps: number of optimiser steps between two updates.

    Raises:
        ValueError: decay is 1, so that the weights of the first step would never change.
    """
    if decay == 1:
        raise ValueError("decay is 1, which keeps the weights of the first step; give a number below 1, such as 0.999")
    return EMAWeightAveraging(decay=decay, update_every_n_steps=every_n_steps)


def swa(*, epochs: int, start: Annotated[float, "0..1"] = 0.75) -> L.Callback:
    """Return stochastic weight averaging, Izmailov et al. 2018: the mean of the weights at the end of each epoch.

    The learning rate follows the configured schedule; the paper uses a constant or cyclic rate while averaging.

    Args:
        epochs: number of training epochs.
        start: fraction of the epochs after which averaging starts; before, the plain weights are validated and saved.

    Raises:
        ValueError: fewer than two epochs are left to average.
    """
    first = int(start * epochs)
    if epochs - first < 2:
        raise ValueError(
            f"start {start:g} leaves {epochs - first} of {epochs} epochs to average; lower start, or raise "
            "trainer.epochs"
        )
    return EpochAveraging(first)


class EpochAveraging(WeightAveraging):
    """Averages the weights after the last step of each epoch, before validation.

    Args:
        first: number of the first epoch to average, counted from 0.
    """

    def __init__(self, first: int) -> None:
        super().__init__(avg_fn=get_swa_avg_fn())  # type: ignore[no-untyped-call]  # torch's default averages integer buffers with float kernels on CUDA
        self.first = first
        self._at_epoch_end = False

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Return whether this is the last step of an epoch."""
        return step_idx is not None and self._at_epoch_end

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the weights to the average; up to and including the first epoch, they replace it."""
        self._at_epoch_end = trainer.is_last_batch
        if self._at_epoch_end and trainer.current_epoch <= self.first and self._average_model is not None:
            self._average_model.n_averaged.zero_()
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
