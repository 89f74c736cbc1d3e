"""LeNet-5 (LeCun et al. 1998) for grey faces: the paper compares with it and gives only its name."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from fer_plugins.contract import PoolingFactory
from fer_plugins.pooling import average_pool
from fer_plugins.pooling.sizes import flattened_size
from fer_vgg_1x1_cnn.fused_maps import fuse_maps
from fer_vgg_1x1_cnn.keras_start import start_as_keras
from fer_vgg_1x1_cnn.preprocessing import Preprocessing


class LeNet5(nn.Module):
    """LeNet-5 as it is usually rebuilt; 168,971 parameters for 48x48 grey images, 61,451 with ``input_size=32``.

    (B, C, H, W) in [0, 1] -> (B, num_classes) logits. The partial connections of the second convolution, the trainable
    subsampling and the radial basis outputs of the 1998 original are left out. assumed: the whole network. Weights
    start Glorot uniform, biases at zero.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: side of the square images in pixels; at least 16 with pooling layers that halve the size, any with
            ``input_size``.
        pool: factory of the two 2x2 pooling layers; average as in 1998, but without trainable weights.
        activation: activation after the convolutions and the two hidden dense layers; tanh as in 1998.
        input_size: side in pixels to which images are resized (bilinear with antialiasing) inside the network, at least
            16; 32 in the original. null: images are not resized.
        signed_input: map pixel values from [0, 1] to [-1, 1], (x - 0.5) / 0.5.
        contrast: hist_eq equalises each (resized) image's histogram before the mapping of signed_input.

    Raises:
        ValueError: the images are too small, or an option is out of range.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 48,
        pool: PoolingFactory = average_pool,
        activation: Literal["tanh", "relu"] = "tanh",
        input_size: int | None = None,
        signed_input: bool = True,
        contrast: Literal["none", "hist_eq"] = "none",
    ) -> None:
        super().__init__()
        if activation not in ("tanh", "relu"):
            raise ValueError(f"activation is {activation!r}; use 'tanh' or 'relu'")
        act = nn.Tanh if activation == "tanh" else nn.ReLU
        self.preprocessing = Preprocessing(signed_input, contrast, input_size)
        self.features = nn.Sequential(
            OrderedDict(
                [
                    ("conv1_5x5", nn.Conv2d(in_channels, 6, 5)),
                    ("act1", act()),
                    ("pool1", pool(2, 2)),
                    ("conv2_5x5", nn.Conv2d(6, 16, 5)),
                    ("act2", act()),
                    ("pool2", pool(2, 2)),
                    ("flatten", nn.Flatten()),
                ]
            )
        )
        option, side = ("image_size", image_size) if input_size is None else ("input_size", input_size)
        flattened = flattened_size(self.features, in_channels, side, option)
        self.head = nn.Sequential(
            OrderedDict(
                [
                    ("fc1", nn.Linear(flattened, 120)),
                    ("act1", act()),
                    ("fc2", nn.Linear(120, 84)),
                    ("act2", act()),
                    ("fc3", nn.Linear(84, num_classes)),
                ]
            )
        )
        start_as_keras(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, H, W) in [0, 1]."""
        return self.head(self.features(self.preprocessing(x)))

    def explain(self, x: Tensor, *, fuse: Literal["mean", "max"] = "mean") -> dict[str, Tensor]:
        """Return fused feature maps of images (B, C, H, W) in [0, 1]; see ``fuse_maps``.

        Args:
            x: images.
            fuse: mean or maximum over the channels of a layer.

        Returns:
            (B, 1, H, W) in [0, 1] for ``conv1_5x5`` and ``conv2_5x5``.
        """
        return fuse_maps(self.features, self.preprocessing(x), (x.shape[-2], x.shape[-1]), fuse)
