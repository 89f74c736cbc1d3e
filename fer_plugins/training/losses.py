"""The losses of the core: cross-entropy, focal and class-balanced.

Each is a module ``criterion(logits, target)`` that returns the mean over a batch. The target is either labels, (B,)
int64, or class probabilities, (B, K) floats that sum to 1.
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
    """Return torch's cross-entropy.

    With class weights, the mean of labels is divided by the sum of their weights, that of class probabilities by the
    number of images.

    Args:
        class_counts: number of training images per class.
        label_smoothing: fraction of the target that is spread evenly over all classes.
        class_weights: "balanced" weights each class by its inverse frequency in the training split, with mean weight 1
            over the training images.
    """
    return nn.CrossEntropyLoss(weight=_weights(class_weights, class_counts), label_smoothing=label_smoothing)


def focal(
    *,
    class_counts: Sequence[int] | None = None,
    gamma: Annotated[float, ">= 0"] = 2.0,
    class_weights: Literal["none", "balanced"] = "none",
) -> nn.Module:
    """Return the focal loss of Lin et al. 2017, "Focal loss for dense object detection", equation 5, over a softmax.

    It is -(1 - p)^gamma log p of the true class, times the class's weight (alpha in the paper). For targets of class
    probabilities it is the sum over the classes, weighted by the probabilities.

    Args:
        class_counts: number of training images per class.
        gamma: focusing parameter: larger values reduce the loss of well classified images more; 0 is the cross-entropy.
        class_weights: "balanced" weights each class by its inverse frequency in the training split, with mean weight 1
            over the training images.
    """
    return Focal(gamma, _weights(class_weights, class_counts))


def class_balanced(
    *,
    class_counts: Sequence[int] | None = None,
    beta: Annotated[float, "0..1"] = 0.9999,
    gamma: Annotated[float, ">= 0"] = 0.0,
) -> nn.Module:
    """Return the class-balanced loss of Cui et al. 2019, "Class-balanced loss based on effective number of samples".

    The weight of a class with n training images is (1 - beta) / (1 - beta^n), scaled to a mean of 1 over the classes.

    Args:
        class_counts: number of training images per class.
        beta: must be below 1; 0 weights all classes equally, towards 1 the weights approach the inverse class
            frequency.
        gamma: focusing parameter of the focal loss that is weighted; 0 is the cross-entropy.

    Raises:
        ValueError: beta is 1, or the counts are missing or 0 for a class.
    """
    if beta == 1:
        raise ValueError("beta is 1, where the weights are not defined; give a number below 1, such as 0.9999")
    if not class_counts or min(class_counts) < 1:
        raise ValueError("class_counts has a class without training images; use a dataset or a split that has them")
    counts = torch.tensor(class_counts, dtype=torch.float64)
    weight = (1 - beta) / (1 - beta**counts)
    return Focal(gamma, (weight / weight.mean()).float())


class Focal(nn.Module):
    """Mean over the images of -sum over classes of weight x target x (1 - p)^gamma x log p.

    Args:
        gamma: at least 0.
        weight: weights of the classes, (K,), or None.
    """

    weight: Tensor | None

    def __init__(self, gamma: float, weight: Tensor | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss for logits (B, K) and labels (B,) or class probabilities (B, K)."""
        log_p = F.log_softmax(logits, 1)
        shares = target if target.is_floating_point() else F.one_hot(target, logits.shape[1])
        # 1 - p, kept above 0, since a power below 1 has no finite derivative at 0.
        missing = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
        terms = -shares.to(log_p.dtype) * missing**self.gamma * log_p
        if self.weight is not None:
            terms = terms * self.weight.to(terms.dtype)
        return terms.sum(1).mean()


def _weights(kind: str, class_counts: Sequence[int] | None) -> Tensor | None:
    """Return the weight N / (K * count) of each class, with mean 1 over the samples; None without weights."""
    if kind == "none" or not class_counts:
        return None
    counts = torch.tensor(class_counts, dtype=torch.float32)
    return counts.sum() / (len(class_counts) * counts)
