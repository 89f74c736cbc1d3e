"""A network of three convolutions, as in public FER2013 code of this kind, named by its kernel sizes."""

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


class CNN_5x5_4x4_5x5(nn.Module):
    """Convolutions of 5x5, 4x4 and 5x5 with overlapping pooling; 5,452,711 parameters for 48x48 grey images.

    (B, C, H, W) in [0, 1] -> (B, num_classes) logits. The paper's second re-implemented baseline cannot be rebuilt from
    its citation; this network, of a similar time and size, is included for comparison under a name of its own. assumed:
    the whole network. Weights start Glorot uniform, biases at zero.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: side of the square images in pixels; at least 15 with the default pooling.
        pool: factory of the three 3x3 pooling layers with stride 2.
        dropout: dropout probabilities after FC 2048 and FC 1024, each in [0, 1).
        signed_input: map pixel values from [0, 1] to [-1, 1], (x - 0.5) / 0.5.
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
        dropout: tuple[float, float] = (0.4, 0.4),
        signed_input: bool = True,
        contrast: Literal["none", "hist_eq"] = "none",
    ) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(signed_input, contrast)
        self.features = nn.Sequential(
            OrderedDict(
                [
                    ("conv1_5x5", nn.Conv2d(in_channels, 32, 5, padding=2)),
                    ("act1", nn.ReLU()),
                    ("pool1", pool(3, 2)),
                    ("pad2", nn.ZeroPad2d((1, 2, 1, 2))),  # "same" for an even kernel: more padding at the end
                    ("conv2_4x4", nn.Conv2d(32, 32, 4)),
                    ("act2", nn.ReLU()),
                    ("pool2", pool(3, 2)),
                    ("conv3_5x5", nn.Conv2d(32, 64, 5, padding=2)),
                    ("act3", nn.ReLU()),
                    ("pool3", pool(3, 2)),
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
        """Return fused feature maps of images (B, C, H, W) in [0, 1]; see ``fuse_maps``.

        Args:
            x: images.
            fuse: mean or maximum over the channels of a layer.

        Returns:
            (B, 1, H, W) in [0, 1] for ``conv1_5x5``, ``conv2_4x4`` and ``conv3_5x5``.
        """
        return fuse_maps(self.features, self.preprocessing(x), (x.shape[-2], x.shape[-1]), fuse)
