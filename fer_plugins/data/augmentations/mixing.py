"""The augmentations `mixup` and `cutmix` of torchvision, which mix the images of a batch and their targets."""

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
    """Return mixup, Zhang et al. 2018, "mixup: Beyond empirical risk minimization" (requires torchvision).

    Each image becomes weight x image + (1 - weight) x another image of the batch, and its target likewise, with one
    weight per batch.

    Args:
        image_size: side of the images in pixels.
        alpha: the weight is drawn from Beta(alpha, alpha), which is uniform for 1 and close to 0 or 1 for small values.
        share: probability of mixing a batch.
        first: batch transform, with its defaults, that is applied to the images before they are mixed.

    Raises:
        ValueError: ``share`` is 0, or torchvision is not installed.
    """
    return Mixing("MixUp", image_size, alpha, share, first)


def cutmix(
    *,
    image_size: int,
    alpha: Annotated[float, "> 0"] = 1.0,
    share: Annotated[float, "0..1"] = 1.0,
    first: Literal["none", "flip_affine_erase"] = "none",
) -> nn.Module:
    """Return CutMix, Yun et al. 2019, arXiv:1905.04899 (requires torchvision).

    A rectangle of each image is replaced by that of another image of the batch; targets are mixed in proportion to the
    area.

    Args:
        image_size: side of the images in pixels.
        alpha: the fraction of the area that is kept is drawn from Beta(alpha, alpha), once per batch.
        share: probability of mixing a batch.
        first: batch transform, with its defaults, that is applied to the images before they are mixed.

    Raises:
        ValueError: ``share`` is 0, or torchvision is not installed.
    """
    return Mixing("CutMix", image_size, alpha, share, first)


class Mixing(nn.Module):
    """The batch transform of `mixup` and `cutmix`; ``kind`` is a class of torchvision.transforms.v2.

    Random numbers come from torch's CPU generator.
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
        # If the labels are the positions in the batch, the mixed targets are the weights of the images, (B, B).
        self._mix.num_classes = len(image)
        mixed, weights = self._mix(image, torch.arange(len(image), device=image.device))
        return mixed.clamp(0, 1), weights.to(target.dtype) @ target
