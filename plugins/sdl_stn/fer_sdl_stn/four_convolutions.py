"""The base network: four 3x3 convolutions and two pooling layers, as in Deep-Emotion."""

from __future__ import annotations

from torch import nn

from fer_plugins.contract import PoolingFactory


def base_layers(
    in_channels: int, width: int, pool: PoolingFactory, *, same: bool = False, batch_norm: bool = False
) -> nn.Sequential:
    """Return layers (B, in_channels, H, W) -> (B, width * H' * W'), flattened; a side of 48 pixels becomes 9.

    Args:
        in_channels: number of input channels.
        width: number of channels of each convolution.
        pool: factory of the two 2x2 pooling layers.
        same: whether convolutions preserve the size; by default each shortens a side by 2 pixels.
        batch_norm: batch normalisation after the fourth convolution.
    """
    padding = int(same)
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=padding),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=padding),
        pool(2, 2),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=padding),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=padding),
        *([nn.BatchNorm2d(width)] if batch_norm else []),
        pool(2, 2),
        nn.ReLU(),
        nn.Flatten(),
    )
