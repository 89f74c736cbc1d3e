"""The Inception network of Pramerdorfer and Kampel 2016."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision.models.googlenet import BasicConv2d, Inception

from fer_fer2013_baselines.preprocessing import Preprocessing, check_dropout
from fer_plugins.contract import PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import flattened_size

# Channels of GoogLeNet's first six modules (Szegedy et al. 2015, Table 1): 1x1, 3x3 reduction and 3x3, 5x5 reduction
# and 5x5, pooling branch; as in GoogLeNet, there is a pooling layer before the third module.
MODULES = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
)


class PramerdorferInception(nn.Module):
    """The Inception network of Pramerdorfer and Kampel 2016, 16 layers deep; 1,388,827 parameters for seven classes.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits. The paper states "Inception/GoogLeNet" and the depth. assumed:
    three convolutions, GoogLeNet's first six modules at three quarters of its width (torchvision's, with batch
    normalisation and 3x3 instead of 5x5) and one dense layer; strides adapted to the small images.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: image side S in pixels, at least 4 with pooling layers that halve the size.
        pool: factory of the two 2x2 pooling layers, after the stem and after the second module.
        quarters: width of the network in quarters of GoogLeNet's width.
        dropout: dropout probability of the pooled features, at least 0 and below 1; the default is GoogLeNet's.
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
        quarters: Literal[1, 2, 3, 4] = 3,
        dropout: float = 0.4,
        contrast: Literal["none", "hist_eq"] = "hist_eq",
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if quarters not in (1, 2, 3, 4):
            raise ValueError(f"quarters is {quarters}; use 1, 2, 3 or 4")
        self.preprocessing = Preprocessing(contrast)
        scale = lambda channels: channels * quarters // 4  # noqa: E731
        layers: list[nn.Module] = [
            BasicConv2d(in_channels, scale(64), kernel_size=3, padding=1),
            BasicConv2d(scale(64), scale(64), kernel_size=1),
            BasicConv2d(scale(64), width := scale(192), kernel_size=3, padding=1),
            pool(2, 2),
        ]
        for number, module in enumerate(MODULES):
            if number == 2:
                layers.append(pool(2, 2))
            channels = [scale(value) for value in module]
            layers.append(Inception(width, *channels))
            width = sum(channels[place] for place in (0, 2, 4, 5))
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(width, num_classes)
        )
        flattened_size(self.features, in_channels, image_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self.head(self.features(self.preprocessing(x)))
