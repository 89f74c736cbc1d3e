"""The localisation network of a spatial transformer: from feature maps to the six numbers of an affine transform."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fer_plugins.contract import PoolingFactory

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def localisation_layers(in_channels: int, pool: PoolingFactory, *, parts: int, padding: bool) -> nn.Sequential:
    """Return the convolutional blocks (convolution, pooling, ReLU), followed by a flatten layer.

    Args:
        in_channels: number of input channels.
        pool: factory of the 2x2 pooling layers.
        parts: number of blocks: 3 (7x7 with 8 channels, 5x5 with 10, 3x3 with 10) or the first 2 of them.
        padding: whether convolutions preserve the size. Without padding, maps of 23 pixels are too small for three
            blocks.
    """
    layers: list[nn.Module] = []
    for maps, side in ((8, 7), (10, 5), (10, 3))[:parts]:
        layers += [nn.Conv2d(in_channels, maps, side, padding=side // 2 if padding else 0), pool(2, 2), nn.ReLU()]
        in_channels = maps
    return nn.Sequential(*layers, nn.Flatten())


class Localisation(nn.Module):
    """Feature maps (B, C, H, W) -> theta (B, 2, 3), by convolutional blocks and two dense layers of 32 and 6 units.

    Args:
        layers: the convolutional blocks.
        flattened: length of their flattened output.
        theta_limit: limit of theta: none, or tanh for theta = identity + 0.5 tanh(output).
        last_init: identity (weights 0, so that every image is initially unchanged; Eq. 1), or gaussian as in all other
            layers.
    """

    def __init__(
        self,
        layers: nn.Sequential,
        flattened: int,
        theta_limit: Literal["none", "tanh"],
        last_init: Literal["identity", "gaussian"],
    ) -> None:
        super().__init__()
        self.layers = layers
        self.fc1 = nn.Linear(flattened, 32)
        self.fc2 = nn.Linear(32, 6)
        self.theta_limit, self.last_init = theta_limit, last_init
        self.register_buffer("identity", torch.tensor(IDENTITY), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return theta (B, 2, 3) of each image."""
        theta = self.fc2(self.fc1(self.layers(x)).relu())
        if self.theta_limit == "tanh":
            theta = self.identity + 0.5 * theta.tanh()
        return theta.view(-1, 2, 3)

    def start(self) -> None:
        """Initialise the last layer so that theta is the identity for every image, if ``last_init`` is identity."""
        if self.last_init == "identity":
            nn.init.zeros_(self.fc2.weight)
            with torch.no_grad():
                self.fc2.bias.copy_(self.identity if self.theta_limit == "none" else torch.zeros(6))
