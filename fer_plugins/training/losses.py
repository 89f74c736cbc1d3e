"""The losses of the core: cross-entropy, focal and class-balanced.

Each is a module ``criterion(logits, target)`` that returns the mean of a batch. A target is a label an image, (B,)
int64, or shares per class, (B, K) floats that sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def cross_entropy(
    *,
    class_counts: Sequence[int] | None = None,
    label_smoothing: Annotated[float, "0..1"] = 0.0,
    class_weights: Literal["none", "balanced"] = "none",
) -> nn.Module:
    """Return torch's cross-entropy. The mean of labels is one over their weights, that of shares one over images.

    Args:
        class_counts: training images per class.
        label_smoothing: share of the target spread over all classes.
        class_weights: balanced: inverse class frequency in the training split, mean 1.
    """
    return nn.CrossEntropyLoss(weight=_weights(class_weights, class_counts), label_smoothing=label_smoothing)


def focal(
    *,
    class_counts: Sequence[int] | None = None,
    gamma: Annotated[float, ">= 0"] = 2.0,
    class_weights: Literal["none", "balanced"] = "none",
) -> nn.Module:
    """Return the focal loss of Lin et al. 2017, "Focal loss for dense object detection", equation 5, over a softmax.

    -(1 - p)^gamma log p of the true class, times the class's weight (alpha in the paper); of shares the mean over the
    classes, weighted by the shares.

    Args:
        class_counts: training images per class.
        gamma: how much an image counts less that is classified well; 0 is the cross-entropy.
        class_weights: balanced: inverse class frequency in the training split, mean 1.
    """
    return Focal(gamma, _weights(class_weights, class_counts))


def class_balanced(
    *,
    class_counts: Sequence[int] | None = None,
    beta: Annotated[float, "0..1"] = 0.9999,
    gamma: Annotated[float, ">= 0"] = 0.0,
) -> nn.Module:
    """Return the class-balanced loss of Cui et al. 2019, "Class-balanced loss based on effective number of samples".

    The weight of a class with n training images is (1 - beta) / (1 - beta^n), scaled so that the weights' mean is 1.

    Args:
        class_counts: training images per class.
        beta: below 1; 0 weighs all classes alike, towards 1 the weights become inverse to the class frequency.
        gamma: of the focal loss that is weighted so; 0 weighs the cross-entropy.

    Raises:
        ValueError: beta is 1, or the counts are missing.
    """
    if beta == 1:
        raise ValueError("beta is 1, where the weights are not defined; give a number below 1, such as 0.9999")
    if not class_counts or min(class_counts) < 1:
        raise ValueError("class_counts has a class without training images; use a dataset or a split that has them")
    counts = torch.tensor(class_counts, dtype=torch.float64)
    weight = (1 - beta) / (1 - beta**counts)
    return Focal(gamma, (weight / weight.mean()).float())


class Focal(nn.Module):
    """Mean over the images of -sum over classes of weight x share x (1 - p)^gamma x log p.

    Args:
        gamma: at least 0.
        weight: (K,) of the classes, or None.
    """

    weight: Tensor | None

    def __init__(self, gamma: float, weight: Tensor | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar of logits (B, K) and labels (B,) or shares (B, K)."""
        log_p = F.log_softmax(logits, 1)
        shares = target if target.is_floating_point() else F.one_hot(target, logits.shape[1])
        # 1 - p, kept above 0, where a power below 1 has no derivative.
        missing = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
        terms = -shares.to(log_p.dtype) * missing**self.gamma * log_p
        if self.weight is not None:
            terms = terms * self.weight.to(terms.dtype)
        return terms.sum(1).mean()


def _weights(kind: str, class_counts: Sequence[int] | None) -> Tensor | None:
    """Return N / (K * count) of each class, whose mean over the samples is 1; None without weights."""
    if kind == "none" or not class_counts:
        return None
    counts = torch.tensor(class_counts, dtype=torch.float32)
    return counts.sum() / (len(class_counts) * counts)
