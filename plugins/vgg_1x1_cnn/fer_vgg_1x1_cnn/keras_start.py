"""How the weights start: the defaults of Keras, which the paper used without naming an initialisation."""

from __future__ import annotations

from torch import nn


def start_as_keras(network: nn.Module) -> None:
    """Draw the weights of all convolutions and dense layers Glorot uniform, and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
