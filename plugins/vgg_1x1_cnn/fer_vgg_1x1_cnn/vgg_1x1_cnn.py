"""The proposed network, Table I: a 1x1, a 5x5 and two 3x3 convolutions, then FC 2048 and FC 1024."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from fer_plugins.contract import PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import flattened_size
from fer_vgg_1x1_cnn.dense_head import dense_head
from fer_vgg_1x1_cnn.fused_maps import fuse_maps
from fer_vgg_1x1_cnn.keras_start import start_as_keras
from fer_vgg_1x1_cnn.preprocessing import Preprocessing


class VGG1x1CNN(nn.Module):
    """The 1x1-CNN; 8,779,047 parameters and 73.0 million multiply-adds for 48x48 grey images.

    (B, C, H, W) in [0, 1] -> (B, num_classes) logits. ``features`` holds rows 1 to 7 of Table I, ``head`` rows 8 to 10;
    98.66 % of the parameters are in the head. No batch normalisation. Weights start Glorot uniform, biases at zero.

    Args:
        num_classes: number of outputs; 7 in the paper.
        in_channels: number of image channels; 1 in the paper.
        image_size: side of the square images in pixels; at least 16 with the paper's pooling layers.
        pool: factory of the three 2x2 pooling layers; max pooling in the paper.
        first_1x1: start with the 1x1 convolution of 32 kernels; false starts with the 5x5 convolution (8,754,183
            parameters).
        dropout: dropout probabilities after FC 2048 and FC 1024, each in [0, 1). Table I prints 0.4 for the second; the
            first is cut off there, 0.4 is assumed.
        signed_input: map pixel values from [0, 1] to [-1, 1], (x - 0.5) / 0.5. Without it, and until its biases have
            changed, the 1x1 layer only scales: together with the 5x5 layer it is one 5x5 convolution of the image.
        contrast: hist_eq equalises each image's histogram before all other preprocessing; the paper names "contrast
            enhancement" but no method.

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
        first_1x1: bool = True,
        dropout: tuple[float, float] = (0.4, 0.4),
        signed_input: bool = True,
        contrast: Literal["none", "hist_eq"] = "none",
    ) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(signed_input, contrast)
        first = [("conv1_1x1", nn.Conv2d(in_channels, 32, 1)), ("act1", nn.ReLU())] if first_1x1 else []
        self.features = nn.Sequential(
            OrderedDict(
                [
                    *first,
                    ("conv2_5x5", nn.Conv2d(32 if first_1x1 else in_channels, 32, 5)),
                    ("act2", nn.ReLU()),
                    ("pool1", pool(2, 2)),
                    ("conv3_3x3", nn.Conv2d(32, 64, 3)),
                    ("act3", nn.ReLU()),
                    ("pool2", pool(2, 2)),
                    ("conv4_3x3", nn.Conv2d(64, 128, 3, padding=1)),
                    ("act4", nn.ReLU()),
                    ("pool3", pool(2, 2)),
                    ("flatten", nn.Flatten()),
                ]
            )
        )
        flattened = flattened_size(self.features, in_channels, image_size)
        self.head = dense_head(flattened, num_classes, dropout)
        start_as_keras(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, H, W) in [0, 1]."""
        return self.head(self.features(self.preprocessing(x)))

    def explain(self, x: Tensor, *, fuse: Literal["mean", "max"] = "mean") -> dict[str, Tensor]:
        """Return fused feature maps of images (B, C, H, W) in [0, 1] (Fig. 2); see ``fuse_maps``.

        Args:
            x: images.
            fuse: mean or maximum over the channels of a layer.

        Returns:
            (B, 1, H, W) in [0, 1] for each of ``conv1_1x1`` (if it exists), ``conv2_5x5``, ``conv3_3x3`` and
            ``conv4_3x3``.
        """
        return fuse_maps(self.features, self.preprocessing(x), (x.shape[-2], x.shape[-1]), fuse)
