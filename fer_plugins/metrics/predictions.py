"""The predictions of a network for a split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Predictions:
    """The predictions of a network for each image of a split, in ascending order of ``index``.

    ``predicted`` is stored separately from ``probabilities``, because logits that differ by less than the rounding
    error give equal probabilities, and ties must be resolved in the same way everywhere.
    """

    index: npt.NDArray[np.int64]  # (N,) rows of the sample table
    label: npt.NDArray[np.int64]  # (N,) true classes
    predicted: npt.NDArray[np.int64]  # (N,) classes with the largest logit
    probabilities: npt.NDArray[np.float64]  # (N, K) softmax
    loss: npt.NDArray[np.float64]  # (N,) -log probability of the true class, in nats; finite even if that underflows
    correct: int  # number of correct predictions, counted batch by batch during the pass

    def __len__(self) -> int:
        return len(self.index)

    def choose(self, rows: npt.NDArray[np.bool_]) -> Predictions:
        """Return the predictions for the images selected by a boolean mask, (N,)."""
        columns = {name: getattr(self, name)[rows] for name in ("index", "label", "predicted", "probabilities", "loss")}
        return replace(self, **columns, correct=int((columns["predicted"] == columns["label"]).sum()))
