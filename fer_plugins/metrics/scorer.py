"""Collects the predictions of one pass over a split."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scores import Scores, score
from fer_plugins.runtime.ranks import gather


class Scorer:
    """Collects (index, logits, label) during one pass over a split and computes the scores at its end.

    Labels only come from the batches, together with their logits, and never from a dataset's list of labels, so a
    shuffled loader cannot pair them wrongly. Nothing is copied from the device before the end of the pass. Processes
    that train together gather their results at the end, so that each has the results of the whole split.

    Raises:
        ValueError: There are fewer than two classes.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        if len(classes) < 2:
            raise ValueError(f"scores need at least two classes, not {len(classes)}")
        self.classes = list(classes)
        self.reset()

    def reset(self) -> None:
        """Discard the collected batches."""
        self._index: list[Tensor] = []
        self._label: list[Tensor] = []
        self._logits: list[Tensor] = []
        self._predicted: list[Tensor] = []
        self._correct: Tensor | None = None

    def update(self, index: Tensor, logits: Tensor, label: Tensor) -> None:
        """Add a batch, without synchronizing with the device.

        Args:
            index: (B,) rows of the sample table.
            logits: (B, K) of any floating dtype; they are detached.
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
        """Return the collected predictions, sorted by index.

        Raises:
            RuntimeError: No batch was added.
        """
        if self._correct is None:
            raise RuntimeError("nothing to score: no batch was taken")
        own = [torch.cat(part).cpu() for part in (self._index, self._label, self._logits, self._predicted)]
        shares: list[list[Tensor]] = []
        correct = 0
        for share, correct_of_share in gather((own, int(self._correct))):
            # A process without a batch of its own has scored the first batch, which must only count once.
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
        """Return the scores of the pass: ``score(self.predictions(), self.classes)``."""
        return score(self.predictions(), self.classes, intervals=intervals)
