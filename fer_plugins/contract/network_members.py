"""The contract of networks: optional members in addition to ``forward``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class HasAuxiliaryLoss(Protocol):
    """Optional: a term added to the training loss (an L2 penalty, a distillation term) and logged separately."""

    def auxiliary_loss(self) -> Tensor:
        """Return the scalar term of the last forward pass in training mode."""
        ...


class HasCriterionWeight(Protocol):
    """Optional: the weight of the criterion in the training loss, 1 by default (1 - alpha in distillation)."""

    criterion_weight: float


class Health(NamedTuple):
    """What a network reports about its own state."""

    figures: dict[str, float]  # logged in each epoch as "health/NAME"
    faults: list[str]  # sentences; if there are any after the last epoch, the scores do not count as a result


@runtime_checkable
class HasHealth(Protocol):
    """Optional: detects a breakdown of the network that scores alone do not show."""

    def health(self, x: Tensor) -> Health:
        """Check the network on one batch of validation images (B, C, H, W), in evaluation mode, without gradients."""
        ...


@runtime_checkable
class HasParameterGroups(Protocol):
    """Optional: parameter groups with their own optimizer settings (such as the weight decay of one layer)."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups with every trainable parameter once, such as ``{"params": [...], "weight_decay": 0.01}``.

        The format is that of torch.optim. A setting in a group overrides the ``optimizer`` section.
        """
        ...


@runtime_checkable
class HasExplain(Protocol):
    """Optional: images that explain what the network does."""

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return named tensors whose first dimension is the batch (attention maps, warped images, feature maps).

        ``docs/figures.md`` describes how each shape is drawn: ``spatial_weights...`` (B, windows, queries, keys) is
        overlaid on the image, ``theta...`` (B, 2, 3) is drawn as the outline of the region that a spatial transformer
        samples.
        """
        ...
