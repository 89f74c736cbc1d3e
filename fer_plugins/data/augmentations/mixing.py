"""The augmentations `mixup` and `cutmix`: torchvision's, which mix the images of a batch and their targets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from fer_plugins.config.requirement import install_command
from fer_plugins.data.augmentations import flip_affine_erase


def mixup(
    *,
    image_size: int,
    alpha: Annotated[float, "> 0"] = 0.2,
    share: Annotated[float, "0..1"] = 1.0,
    first: Literal["none", "flip_affine_erase"] = "none",
) -> nn.Module:
    """Return mixup, Zhang et al. 2018, "mixup: Beyond empirical risk minimization" (needs torchvision).

    Each image becomes weight x image + (1 - weight) x another of its batch, its target likewise; one weight a batch.

    Args:
        image_size: side of the images in pixels.
        alpha: the weight is drawn from Beta(alpha, alpha): near 0 or 1 where alpha is small, evenly where it is 1.
        share: probability that a batch is mixed.
        first: batch transform, with its defaults, of the images before they are mixed.

    Raises:
        ValueError: share is 0, or torchvision is missing.
    """
    return Mixing("MixUp", image_size, alpha, share, first)


def cutmix(
    *,
    image_size: int,
    alpha: Annotated[float, "> 0"] = 1.0,
    share: Annotated[float, "0..1"] = 1.0,
    first: Literal["none", "flip_affine_erase"] = "none",
) -> nn.Module:
    """Return CutMix, Yun et al. 2019, arXiv:1905.04899 (needs torchvision).

    A rectangle of each image is replaced by that of another of its batch; the target's share is the rectangle's area.

    Args:
        image_size: side of the images in pixels.
        alpha: the area that stays is drawn from Beta(alpha, alpha), one for a batch.
        share: probability that a batch is mixed.
        first: batch transform, with its defaults, of the images before they are mixed.

    Raises:
        ValueError: share is 0, or torchvision is missing.
    """
    return Mixing("CutMix", image_size, alpha, share, first)


class Mixing(nn.Module):
    """The batch transform of `mixup` and `cutmix`; ``kind`` is a class of torchvision.transforms.v2.

    It draws from torch's generator of the host.
    """

    def __init__(self, kind: str, image_size: int, alpha: float, share: float, first: str) -> None:
        super().__init__()
        if share == 0:
            raise ValueError("share is 0, so that nothing is ever mixed; give more, or take another augmentation")
        try:
            from torchvision.transforms import v2
        except ImportError as error:
            raise ValueError(f"{error}; install it with: {install_command('torchvision')}") from error
        self.share = share
        self.first = nn.Identity() if first == "none" else flip_affine_erase(image_size=image_size)
        self._mix: Any = getattr(v2, kind)(alpha=alpha)

    def mix(self, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return mixed images (B, C, H, W) and targets (B, K)."""
        image = self.first(image)
        if self.share < 1 and torch.rand(()) >= self.share:
            return image, target
        # With the places in the batch as labels, the mixed targets are the weights of the images, (B, B).
        self._mix.num_classes = len(image)
        mixed, weights = self._mix(image, torch.arange(len(image), device=image.device))
        return mixed.clamp(0, 1), weights.to(target.dtype) @ target
