"""Collects the predictions of one pass over a split."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scores import Scores, score
from fer_plugins.runtime.ranks import gather


class Scorer:
    """Collects (index, logits, label) of one pass over a split and scores them at its end.

    Labels come from the batches only, together with the logits they belong to; nothing here ever sees a dataset's
    list of labels, so a shuffled loader cannot pair them wrongly. Nothing is read back from the device before the
    pass is over. Processes that train together gather their shares at its end, so that each has all of it.

    Raises:
        ValueError: fewer than two classes.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        if len(classes) < 2:
            raise ValueError(f"scores need at least two classes, not {len(classes)}")
        self.classes = list(classes)
        self.reset()

    def reset(self) -> None:
        """Forget the pass."""
        self._index: list[Tensor] = []
        self._label: list[Tensor] = []
        self._logits: list[Tensor] = []
        self._predicted: list[Tensor] = []
        self._correct: Tensor | None = None

    def update(self, index: Tensor, logits: Tensor, label: Tensor) -> None:
        """Take one batch; no synchronisation with the device.

        Args:
            index: (B,) rows of the sample table.
            logits: (B, K) of any floating type, still attached to the graph or not.
            label: (B,) true classes.
        """
        logits = logits.detach()
        predicted = logits.argmax(1)
        correct = (predicted == label).sum()
        self._correct = correct if self._correct is None else self._correct + correct
        self._index.append(index)
        self._label.append(label)
        self._logits.append(logits)
        self._predicted.append(predicted)

    def predictions(self) -> Predictions:
        """Return what was collected, sorted by index.

        Raises:
            RuntimeError: no batch was taken.
        """
        if self._correct is None:
            raise RuntimeError("nothing to score: no batch was taken")
        own = [torch.cat(part).cpu() for part in (self._index, self._label, self._logits, self._predicted)]
        shares: list[list[Tensor]] = []
        correct = 0
        for share, correct_of_share in gather((own, int(self._correct))):
            # A process that was left without a batch has scored the first one, which counts once.
            if shares and torch.isin(share[0][:1], shares[0][0]).any():
                continue
            shares.append(share)
            correct += correct_of_share
        index, label, logits, predicted = (torch.cat(part) for part in zip(*shares, strict=True))
        order = torch.argsort(index, stable=True)
        label = label[order]
        log_probabilities = logits[order].double().log_softmax(1)
        return Predictions(
            index=index[order].numpy(),
            label=label.numpy(),
            predicted=predicted[order].numpy(),
            probabilities=log_probabilities.exp().numpy(),
            loss=-log_probabilities.gather(1, label[:, None])[:, 0].numpy(),
            correct=correct,
        )

    def compute(self, *, intervals: bool = True) -> Scores:
        """Score the pass: ``score(self.predictions(), self.classes)``."""
        return score(self.predictions(), self.classes, intervals=intervals)
