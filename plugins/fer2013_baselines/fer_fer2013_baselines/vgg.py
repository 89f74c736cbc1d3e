"""Two VGG networks: of Pramerdorfer and Kampel 2016 and of Khaireddin and Chen 2021."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from fer_fer2013_baselines.preprocessing import Preprocessing, check_dropout
from fer_fer2013_baselines.ten_crop import run_on_crops
from fer_plugins.contract import ImageSizeError, PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import flattened_size


def vgg_stages(in_channels: int, widths: tuple[int, ...], pool: PoolingFactory, dropout: float = 0.0) -> nn.Sequential:
    """Return one stage per width: two 3x3 convolutions with batch normalisation and ReLU, and a 2x2 pooling.

    Args:
        in_channels: number of image channels.
        widths: number of channels of each stage.
        pool: factory of the pooling layers.
        dropout: dropout probability after each stage; 0 adds no layer.
    """
    layers: list[nn.Module] = []
    for before, width in pairwise((in_channels, *widths)):
        for entering in (before, width):
            layers += [nn.Conv2d(entering, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers.append(pool(2, 2))
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Flatten())


class PramerdorferVGG(nn.Module):
    """The VGG of Pramerdorfer and Kampel 2016, ten layers; 1,765,479 parameters for 48x48 grey images.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits. The paper states the depth. assumed: eight convolutions and two
    dense layers, all widths, batch normalisation, dropout.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: image side S in pixels, at least 16 with pooling layers that halve the size.
        pool: factory of the four 2x2 pooling layers.
        widths: number of channels of the four stages.
        hidden: number of units of the hidden dense layer, at least 1.
        dropout: dropout probability after each stage and the hidden layer, at least 0 and below 1.
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
        hidden: int = 256,
        dropout: float = 0.2,
        contrast: Literal["none", "hist_eq"] = "hist_eq",
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if hidden < 1:
            raise ValueError(f"hidden is {hidden}; give at least 1 unit")
        self.preprocessing = Preprocessing(contrast)
        self.features = vgg_stages(in_channels, tuple(widths), pool, dropout)
        flattened = flattened_size(self.features, in_channels, image_size)
        self.head = nn.Sequential(
            nn.Linear(flattened, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self.head(self.features(self.preprocessing(x)))


class KhaireddinVGG(nn.Module):
    """The VGG of Khaireddin and Chen 2021, following their code; 29,890,759 parameters for 40x40 grey crops.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits. Four stages of two convolutions, dense layers of 4,096, 4,096 and
    num_classes units. In training, one of ten 40x40 crops is drawn for each image (the authors train on all ten); in
    evaluation the logits are averaged over the ten crops.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: image side S in pixels, at least the side of a crop.
        pool: factory of the four 2x2 pooling layers.
        crop: side of the crops in pixels, at least 16 with pooling layers that halve the size.
        evaluation: ten averages the logits over ten crops, centre uses the centre crop.
        dropout: dropout probability after each of the two hidden dense layers, at least 0 and below 1.

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
        crop: int = 40,
        evaluation: Literal["ten", "centre"] = "ten",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if evaluation not in ("ten", "centre"):
            raise ValueError(f"evaluation is {evaluation!r}; use 'ten' or 'centre'")
        if image_size < crop:
            raise ImageSizeError(f"image_size {image_size} is too small: use at least {crop}, the side of a crop")
        self.crop, self.evaluation = crop, evaluation
        self.features = vgg_stages(in_channels, (64, 128, 256, 512), pool)
        flattened = flattened_size(self.features, in_channels, crop, "model.crop")
        self.head = nn.Sequential(
            nn.Linear(flattened, 4096),
            nn.Dropout(dropout),
            nn.ReLU(),
            nn.Linear(4096, 4096),
            nn.Dropout(dropout),
            nn.ReLU(),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return run_on_crops(self.classify, x, self.crop, self.training, self.evaluation == "ten")

    def classify(self, crops: Tensor) -> Tensor:
        """Return logits (N, num_classes) for crops (N, C, crop, crop) in [0, 1]."""
        return self.head(self.features(crops))
