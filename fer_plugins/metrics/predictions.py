"""The predictions of a network on one split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Predictions:
    """The predictions of a network for each image of one split, in ascending order of ``index``.

    ``predicted`` is kept apart from ``probabilities`` because logits closer than rounding turn into equal
    probabilities, and a tie must not be broken twice in different ways.
    """

    index: npt.NDArray[np.int64]  # (N,) rows of the sample table
    label: npt.NDArray[np.int64]  # (N,) true class
    predicted: npt.NDArray[np.int64]  # (N,) class of the largest logit
    probabilities: npt.NDArray[np.float64]  # (N, K) softmax
    loss: npt.NDArray[np.float64]  # (N,) -log of the true class's probability, nats; finite where that underflows
    correct: int  # correct predictions, counted batch by batch during the pass

    def __len__(self) -> int:
        return len(self.index)

    def choose(self, rows: npt.NDArray[np.bool_]) -> Predictions:
        """Return the predictions of some of the images, (N,)."""
        columns = {name: getattr(self, name)[rows] for name in ("index", "label", "predicted", "probabilities", "loss")}
        return replace(self, **columns, correct=int((columns["predicted"] == columns["label"]).sum()))
