"""The training loss of samples whose label is a distribution of several annotators' votes."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer_plugins.config.registry import PluginError
from fer_plugins.contract import TargetMode


class SoftTargets:
    """The loss against shares per class instead of one label, as Barsoum et al. 2016 train on FER+.

    - distribution: the run's loss with the shares;
    - draw: the run's loss with a label that is drawn from the shares each time the sample comes;
    - any: -log of the largest probability among the classes that have a share.

    Args:
        shares: (N, K), a row a sample of the table; rows sum to 1.
        mode: see above.

    Raises:
        PluginError: the mode is unknown, or a row does not sum to 1.
    """

    def __init__(self, shares: npt.NDArray[np.float64], mode: TargetMode) -> None:
        if mode not in get_args(TargetMode):
            raise PluginError(f"target_mode is {mode!r}; known: {', '.join(get_args(TargetMode))}; tell its author")
        if not np.allclose(shares.sum(1), 1) or (shares < 0).any():
            raise PluginError("the column 'target' has rows that are no shares summing to 1; tell the dataset's author")
        self.mode = mode
        self._shares = torch.from_numpy(shares.astype(np.float32))

    def loss(self, criterion: nn.Module, logits: Tensor, index: Tensor) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            criterion: the run's loss, which takes labels and shares.
            logits: (B, K).
            index: (B,) int64, rows of the table.
        """
        if self._shares.device != logits.device:
            self._shares = self._shares.to(logits.device)
        shares = self._shares[index.to(logits.device)]
        if self.mode == "draw":
            drawn: Tensor = criterion(logits, torch.multinomial(shares, 1)[:, 0])
            return drawn
        if self.mode == "distribution":
            whole: Tensor = criterion(logits, shares.to(logits.dtype))
            return whole
        penalty = -nn.functional.log_softmax(logits, 1)
        return penalty.masked_fill(shares == 0, torch.inf).amin(1).mean()
