"""The localisation network of a spatial transformer: from maps to the six numbers of an affine transformation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fer_plugins.contract import PoolingFactory

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def localisation_layers(in_channels: int, pool: PoolingFactory, *, parts: int, padding: bool) -> nn.Sequential:
    """Return the convolution parts (convolution, pooling, ReLU), ending in a flattened map.

    Args:
        in_channels: maps that come in.
        pool: factory of the 2x2 poolings.
        parts: 3 (7x7 with 8 maps, 5x5 with 10, 3x3 with 10) or the first 2 of them.
        padding: whether convolutions keep the size. Without, three parts do not fit on 23 pixels.
    """
    layers: list[nn.Module] = []
    for maps, side in ((8, 7), (10, 5), (10, 3))[:parts]:
        layers += [nn.Conv2d(in_channels, maps, side, padding=side // 2 if padding else 0), pool(2, 2), nn.ReLU()]
        in_channels = maps
    return nn.Sequential(*layers, nn.Flatten())


class Localisation(nn.Module):
    """Maps (B, C, H, W) -> theta (B, 2, 3), by convolution parts and two dense layers of 32 and 6 units.

    Args:
        layers: the convolution parts.
        flattened: length of what they give.
        theta_limit: none, or tanh for identity + 0.5 tanh(output).
        last_init: identity (weights 0, so that every image begins unchanged; Eq. 1), or gaussian like all others.
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
        """Theta of each image."""
        theta = self.fc2(self.fc1(self.layers(x)).relu())
        if self.theta_limit == "tanh":
            theta = self.identity + 0.5 * theta.tanh()
        return theta.view(-1, 2, 3)

    def start(self) -> None:
        """Set the last layer so that theta is the identity for every image, where that is asked for."""
        if self.last_init == "identity":
            nn.init.zeros_(self.fc2.weight)
            with torch.no_grad():
                self.fc2.bias.copy_(self.identity if self.theta_limit == "none" else torch.zeros(6))
