"""The contract of what trains a network: losses and callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch.callbacks import Callback
    from torch import Tensor


class Loss(Protocol):
    """The criterion, an ``nn.Module`` without trainable parameters: the optimiser only gets those of the network."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch, a scalar that gradients flow through.

        ``logits`` are (B, num_classes); ``target`` is one label per image, (B,) int64, or shares per class that sum
        to 1, (B, num_classes) floats, from several annotators or mixed images.
        """
        ...


class LossFactory(Protocol):
    """``fer_plugins.losses``: the criterion of training; validation and test report the plain cross-entropy."""

    def __call__(self, *, num_classes: int, class_counts: Sequence[int]) -> Loss:
        """Build the criterion; ``class_counts`` are the training images of each class, in label order."""
        ...


class CallbackFactory(Protocol):
    """``fer_plugins.callbacks``: a callback of lightning.pytorch, which acts during training.

    The weights that an epoch validates must be those in the checkpoint of that epoch: a callback that changes weights
    after validation would select some weights and score others. What is needed to resume must be in its state. The
    callback is removed before the selected checkpoint is scored.
    """

    def __call__(self, *, epochs: int) -> Callback:
        """Build the callback; ``epochs`` is the length of the whole training."""
        ...
