"""An ImageNet architecture of timm as a face classifier: backbone, global average pooling, one dense layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fer_classical_cnns.exchanged_pooling import exchange_max_poolings
from fer_classical_cnns.weights import build_backbone
from fer_plugins.config.idle_options import IdleRule, refuse_idle
from fer_plugins.contract import ImageSizeError, PoolingFactory
from fer_plugins.pooling import blur_strided_convolutions

IDLE_OPTIONS: list[IdleRule] = [("pool", None, {"blur_strided": False})]


class ClassicalCNN(nn.Module):
    """Classifier on a timm backbone: (B, C, S, S) in [0, 1] -> (B, num_classes) logits.

    Grey images are repeated to three channels, then normalised with the mean and deviation of the architecture's
    ImageNet weights in timm. The head is a global average over the last feature map and one dense layer; VGG's two
    layers of 4,096 units are therefore left out.

    Args:
        name: timm's name of the architecture.
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated) or 3.
        image_size: image side S in pixels.
        smallest: minimum of S.
        pool: replacement of the max pooling layers; None keeps them.
        pretrained: start with ImageNet weights, from ``weights``, timm's cache or a download; else at random.
        weights: file of ImageNet weights for ``name``, used instead of the cache and a download.
        freeze_backbone: train only the dense layer; batch normalisation keeps its statistics.
        blur_strided: replace strided convolutions by convolutions with stride 1 followed by the blur of ``pool``.

    Raises:
        ValueError: the images are too small, the pooling does not fit, or the weights cannot be loaded.
        ConnectionError: the weights are not in the cache and cannot be downloaded.
    """

    def __init__(
        self,
        name: str,
        *,
        num_classes: int,
        in_channels: int,
        image_size: int,
        smallest: int,
        pool: PoolingFactory | None = None,
        pretrained: bool = False,
        weights: str | None = None,
        freeze_backbone: bool = False,
        blur_strided: bool = False,
    ) -> None:
        super().__init__()
        if in_channels not in (1, 3):
            raise ValueError(f"in_channels is {in_channels}; use 1 (grey) or 3 (colour)")
        if image_size < smallest:
            raise ImageSizeError(f"image_size {image_size} is too small: use at least {smallest}")
        refuse_idle({"pool": pool, "blur_strided": blur_strided}, IDLE_OPTIONS)
        if freeze_backbone and not (pretrained or weights):
            raise ValueError("freeze_backbone leaves random features untrained; set pretrained or weights as well")
        self.backbone, mean, std = build_backbone(name, pretrained, weights)
        if pool is not None:
            exchange_max_poolings(self.backbone, pool)
        if blur_strided:
            blur_strided_convolutions(self.backbone, pool, torch.zeros(1, 3, image_size, image_size))
        self.frozen = freeze_backbone
        if freeze_backbone:
            self.backbone.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.head = nn.Linear(self.backbone.num_features, num_classes)
        if pool is not None:
            self._check_size(in_channels, image_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self.head(self.extract_maps(x).mean((2, 3)))

    def extract_maps(self, x: Tensor) -> Tensor:
        """Return the last feature maps (B, F, S', S') of images (B, C, S, S) in [0, 1]."""
        x = (x.expand(-1, 3, -1, -1) - self.mean) / self.std
        return self.backbone.forward_features(x)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return the last feature maps, (B, F, S', S')."""
        return {"last_maps": self.extract_maps(x)}

    def train(self, mode: bool = True) -> ClassicalCNN:
        """Set training mode; a frozen backbone stays in evaluation mode, since its statistics are frozen too."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def _check_size(self, in_channels: int, image_size: int) -> None:
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                self.extract_maps(torch.zeros(1, in_channels, image_size, image_size))
        except RuntimeError as error:
            remedy = f"use a larger one than {image_size}, or a pooling that halves"
            raise ImageSizeError(f"image_size {image_size} is too small with this pooling: {remedy}") from error
        finally:
            self.train(training)
