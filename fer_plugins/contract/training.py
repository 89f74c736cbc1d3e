"""The contract of components used in training: losses and callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch.callbacks import Callback
    from torch import Tensor


class Loss(Protocol):
    """The criterion, an ``nn.Module`` without trainable parameters, as the optimizer only gets those of the network."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch, a differentiable scalar.

        ``logits`` are (B, num_classes); ``target`` is a label per image, (B,) int64, or class probabilities that sum to
        1, (B, num_classes) floats: from several annotators, or of mixed images.
        """
        ...


class LossFactory(Protocol):
    """``fer_plugins.losses``: the training criterion; validation and test report the plain cross-entropy."""

    def __call__(self, *, num_classes: int, class_counts: Sequence[int]) -> Loss:
        """Build the criterion; ``class_counts`` is the number of training images of each class, in label order."""
        ...


class CallbackFactory(Protocol):
    """``fer_plugins.callbacks``: a callback of lightning.pytorch, active during fitting.

    The weights validated in an epoch must be those in the checkpoint of that epoch: a callback that changes weights
    after validation would select and score different ones. Whatever is needed to resume must be in the callback's
    state. The callback is no longer present when the selected checkpoint is scored.
    """

    def __call__(self, *, epochs: int) -> Callback:
        """Build the callback; ``epochs`` is the total number of training epochs."""
        ...
