"""The ResNet of Pramerdorfer and Kampel 2016."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from fer_fer2013_baselines.preprocessing import Preprocessing, check_dropout
from fer_fer2013_baselines.residual import build_stem, residual_stages, start_as_he
from fer_plugins.contract import PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import flattened_size


class PramerdorferResNet(nn.Module):
    """The ResNet-34 of Pramerdorfer and Kampel 2016 at half width; 5,325,159 parameters for seven classes.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits. The paper states "Resnet-34" and a depth of 33 (its convolutions
    without those of the shortcuts). assumed: half the widths of ResNet-34, and a 3x3 stem with stride 1 for the small
    images.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: image side S in pixels, at least 2 with pooling layers that halve the size.
        pool: factory of the 2x2 pooling layer after the stem.
        widths: number of channels of the four stages.
        dropout: dropout probability of the pooled features, at least 0 and below 1.
        contrast: hist_eq equalises each image's histogram before all other preprocessing.

    Raises:
        ValueError: the images are too small, or an option is out of range.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 48,
        pool: PoolingFactory = max_pool,
        widths: tuple[int, int, int, int] = (32, 64, 128, 256),
        dropout: float = 0.0,
        contrast: Literal["none", "hist_eq"] = "hist_eq",
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        self.preprocessing = Preprocessing(contrast)
        self.features = nn.Sequential(
            build_stem(in_channels, widths[0]), pool(2, 2), residual_stages(tuple(widths), (3, 4, 6, 3))
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1], num_classes)
        )
        start_as_he(self)
        flattened_size(self.features, in_channels, image_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self.head(self.features(self.preprocessing(x)))
