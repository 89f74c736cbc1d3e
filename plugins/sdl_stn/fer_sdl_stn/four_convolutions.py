"""The base network: four 3x3 convolutions with two poolings, as in Deep-Emotion."""

from __future__ import annotations

from torch import nn

from fer_plugins.contract import PoolingFactory


def base_layers(
    in_channels: int, width: int, pool: PoolingFactory, *, same: bool = False, batch_norm: bool = False
) -> nn.Sequential:
    """Return (B, in_channels, H, W) -> (B, width * H' * W'), flattened; 48 pixels become 9.

    Args:
        in_channels: maps that come in.
        width: maps of each convolution.
        pool: factory of the two 2x2 poolings.
        same: whether convolutions keep the size; by default each takes 2 pixels off a side.
        batch_norm: normalise behind the fourth convolution.
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
