"""The contract of networks: what one may have in addition to ``forward``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class HasAuxiliaryLoss(Protocol):
    """Optional: a term added to the criterion in training (an L2 penalty, a distillation term), logged separately."""

    def auxiliary_loss(self) -> Tensor:
        """Return the scalar belonging to the last forward pass in training mode."""
        ...


class HasCriterionWeight(Protocol):
    """Optional: the share of the criterion in the training loss, 1 where absent (1 - alpha in distillation)."""

    criterion_weight: float


class Health(NamedTuple):
    """What a network reports about its own state."""

    figures: dict[str, float]  # logged an epoch as "health/NAME"
    faults: list[str]  # sentences; any fault after the last epoch means that the scores are not a result


@runtime_checkable
class HasHealth(Protocol):
    """Optional: detects that the network has broken down in a way that scores alone do not show."""

    def health(self, x: Tensor) -> Health:
        """Look at the network on one batch of validation images (B, C, H, W), in evaluation mode, without gradients."""
        ...


@runtime_checkable
class HasParameterGroups(Protocol):
    """Optional: groups of parameters with their own optimiser settings (such as the weight decay of one layer)."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Every trainable parameter once: ``{"params": [...], "weight_decay": 0.01}``, as torch.optim takes them.

        A setting in a group overrides the ``optimizer`` section.
        """
        ...


@runtime_checkable
class HasExplain(Protocol):
    """Optional: pictures of what the network does."""

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Named tensors whose first dimension is the batch (attention maps, warped images, feature maps).

        ``docs/figures.md`` says how each shape is drawn; ``spatial_weights...`` (B, windows, queries, keys) lies over
        the image, ``theta...`` (B, 2, 3) is the outline of what a spatial transformer samples.
        """
        ...
